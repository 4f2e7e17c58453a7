#!/bin/sh
# fuzz.sh [SECONDS [NAME...]]: runs the fuzzers of tests/fuzz under libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer, SECONDS each (default 20), and prints how many inputs each has taken. What is found is
# left in build/fuzz. Needs clang.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-20}
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- study journal answer report
command -v clang >/dev/null || { echo "fuzz.sh: clang is missing: apt-get install clang" >&2; exit 69; }

cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNASTUNE_FUZZ=ON \
    -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" >/dev/null
for name in "$@"; do
    cmake --build build/fuzz --target "fuzz_$name" -- --quiet
done
export LSAN_OPTIONS="suppressions=$PWD/tests/fuzz/lsan.supp:print_suppressions=0"
status=0
for name in "$@"; do
    mkdir -p "build/fuzz/corpus-$name"
    "build/fuzz/tests/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=20000 \
        -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 \
        "build/fuzz/corpus-$name" "tests/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1 || status=1
    printf '%-8s %s inputs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")"
    ! grep -E 'ERROR|SUMMARY|broken' "build/fuzz/$name.log" || status=1
done
exit $status
