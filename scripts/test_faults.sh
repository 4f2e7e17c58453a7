#!/bin/sh
# test_faults.sh [--quick] [-j N] [NASTUNE SHIM]: faults that a study must survive. After each, the same command goes on,
# and trials.csv and points.csv must end with the bytes of a run that nothing happened to.
#   - at the n-th call that changes a file, for every n until there is none: killed before it, after it, after half a
#     write; no space, an I/O error, a short write, an interrupted one
#   - SIGKILL at random moments, over and over          - a full disk (a small tmpfs; wants root)
#   - a limit on the size of files                      - several runners at once
#   - a clock that jumps (wants faketime)
# Prints counts. --quick: a smaller study, fewer kinds and rounds; for ctest. Default binaries: build/check.
set -eu
quick=no jobs="1 2"
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes; shift ;;
    -j) jobs=$2; shift 2 ;;
    *) break ;;
    esac
done
root=$(cd "$(dirname "$0")/.." && pwd)
nastune=${1:-$root/build/check/nastune}
shim=${2:-$root/build/check/tests/libfault_shim.so}
for file in "$nastune" "$shim"; do
    [ -e "$file" ] || { echo "test_faults.sh: no $file; build it first: cmake --preset check && cmake --build --preset check" >&2; exit 66; }
done
ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-}
export ASAN_OPTIONS

# In memory where that can be: thousands of syncs wait for no disk then.
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
mounted=
trap 'exec 2>/dev/null; [ -z "$mounted" ] || umount "$mounted"; rm -rf "$work"' EXIT
cd "$work"

die() {
    echo "FAILED: $*" >&2
    [ ! -f err ] || sed 's/^/err: /' err | tail -n 20 >&2
    exit 1
}

if [ $quick = yes ]; then
    budget=2 kinds="kill_before half enospc" kills=3
else
    budget=5 kinds="kill_before kill_after half enospc eio short eintr" kills=200
fi
cat >study.yaml <<END
study: faults
isolate: yes
pending: 2
solver: {name: bowl, x0: -5 .. 5, x1: -5 .. 5}
methods: [random, {name: bo, design: 3}]
budget: $budget trials
END
"$nastune" run --quiet --out straight study.yaml || die "the study itself"
differences=0 cases=0

# The same command again, and nothing may be missing, different, or left over.
resume() { # resume J OUT WHAT
    "$nastune" run --quiet -j "$1" --out "$2" study.yaml >out 2>err || die "$3: it does not go on"
    check "$2" "$3"
}

check() { # check OUT WHAT
    cases=$((cases + 1))
    for file in trials.csv points.csv; do
        cmp -s straight/faults/$file "$1/faults/$file" || { differences=$((differences + 1)); echo "$2: $file differs"; }
    done
    ! ls "$1"/faults/*.tmp >/dev/null 2>&1 || die "$2: a temporary file is left"
}

# ---- the n-th call ----

strike() { # strike KIND J: for every n
    n=1
    while :; do
        rm -rf struck mark
        code=0
        FAULT_UNDER=$work/struck FAULT_KIND=$1 FAULT_AT=$n FAULT_MARK=$work/mark LD_PRELOAD=$shim \
            "$nastune" run --quiet -j "$2" --out "$work/struck" study.yaml >out 2>err || code=$?
        [ -e mark ] || break
        case $1 in
        short | eintr)
            [ $code = 0 ] || die "$1 at call $n: exit code $code"
            check struck "$1 at call $n" ;;
        enospc | eio)
            [ $code = 1 ] || die "$1 at call $n: exit code $code"
            [ -s err ] || die "$1 at call $n: no message" ;;
        *) [ $code = 137 ] || die "$1 at call $n: exit code $code" ;;
        esac
        resume "$2" struck "$1 at call $n, -j $2"
        n=$((n + 1))
    done
    [ $code = 0 ] || die "$1: without a fault the exit code is $code"
    [ $n -gt 5 ] || die "$1: only $((n - 1)) calls; is the shim at work?"
    printf '%-12s -j %s  %4d calls, each struck once\n' "$1" "$2" $((n - 1))
}

for j in $jobs; do
    for kind in $kinds; do
        strike "$kind" "$j"
    done
done

# ---- SIGKILL at random moments ----

random_kills() { # random_kills J: of the whole tree, until `kills` have struck
    struck=0
    rm -rf killed
    while [ $struck -lt $kills ]; do
        "$nastune" run --quiet -j "$1" --out killed study.yaml >out 2>err &
        pid=$!
        sleep "$(awk -v seed="$struck" 'BEGIN { srand(seed); printf "%.3f", 0.12 * rand() }')"
        kill -s KILL $pid 2>/dev/null || true
        code=0
        wait $pid 2>/dev/null || code=$?
        struck=$((struck + 1))
        if [ $code = 0 ]; then # it got to its end first: from the start again
            check killed "random kill $struck"
            rm -rf killed
        fi
    done
    resume "$1" killed "random kills"
    printf 'random kill  -j %s  %4d times\n' "$1" $kills
}
for j in $jobs; do
    random_kills "$j"
done

# ---- no room ----

limited() { # limited BLOCKS: files of at most so many 512-byte blocks
    rm -rf limited
    { # its messages through a pipe: a file would be limited as well
        code=0
        (ulimit -f "$1" && exec "$nastune" run --quiet --out limited study.yaml) || code=$?
        echo $code >code
    } 2>&1 | cat >err
    code=$(cat code)
    [ $code = 0 ] || [ $code = 1 ] || die "RLIMIT_FSIZE $1: exit code $code"
    [ $code = 0 ] || grep -q 'File too large' err || die "RLIMIT_FSIZE $1: another message"
    resume 1 limited "RLIMIT_FSIZE of $1 blocks"
}
for blocks in 0 1 2 3; do
    limited $blocks
done
echo "file limit          4 sizes"

full_disk() {
    mkdir disk
    mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null || { echo "full disk    skipped: no tmpfs can be mounted here"; return; }
    mounted=$work/disk
    for leave in 0 4 8 12 16 20 24 28 32; do # kB
        rm -rf disk/*
        filler=$(($(df -k --output=avail disk | tail -n 1) - leave))
        [ $filler -le 0 ] || head -c ${filler}k /dev/zero >disk/filler
        code=0
        "$nastune" run --quiet --out disk study.yaml >out 2>err || code=$?
        [ $code = 0 ] || [ $code = 1 ] || die "a full disk with $leave kB: exit code $code"
        [ $code = 0 ] || grep -q 'No space left' err || die "a full disk with $leave kB: another message"
        rm -f disk/filler
        resume 1 disk "a full disk with $leave kB"
    done
    umount disk
    mounted=
    echo "full disk           9 sizes"
}
[ $quick = yes ] || full_disk

# ---- several at once, and clocks ----

rm -rf shared
pids=
for runner in 1 2 3 4; do
    "$nastune" run --quiet --out shared study.yaml >out-$runner 2>err-$runner &
    pids="$pids $!"
done
for pid in $pids; do
    code=0
    wait "$pid" || code=$?
    [ $code = 0 ] || [ $code = 75 ] || die "of four runners one ended with $code"
done
resume 1 shared "four runners at once"
echo "runners      4 at once"

if [ $quick = no ] && command -v faketime >/dev/null; then
    for clock in '+3y' '-20y' '+0 x1000'; do
        rm -rf clock
        faketime -f "$clock" "$nastune" run --quiet --out clock study.yaml >out 2>err || die "a clock of $clock"
        check clock "a clock of $clock"
    done
    echo "clocks       3"
fi

echo "$cases cases, $differences differences"
[ $differences = 0 ]
