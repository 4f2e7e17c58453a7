#!/bin/sh
# Times a training step of the engine against PyTorch: builds Release, installs python3-torch if it is missing, and
# prints one table. Cases: sep (cell supernet of sep_conv_3x3 and skip), darts (all eight operations), mbconv (single-path
# supernet), fixed (the evaluation cell). Run it on an idle machine.
#
#     scripts/bench_engine.sh [-s STEPS] [-c CASES] [-t THREADS] [-o CSV] [-l]
#
# -l compares 50 losses of a small supernet, trained from the same weights on the same batches, instead.
set -eu
steps=7 cases=sep,darts,mbconv,fixed threads=1,2 csv= losses=
while getopts s:c:t:o:l option; do
    case $option in
    s) steps=$OPTARG ;;
    c) cases=$OPTARG ;;
    t) threads=$OPTARG ;;
    o) csv=$OPTARG ;;
    l) losses=1 ;;
    *) sed -n 's/^# *//; 2,8p' "$0" >&2; exit 2 ;;
    esac
done
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
csv=${csv:-$build/bench_engine.csv}
python=/usr/bin/python3 # Debian's, which sees Debian's python3-torch

if ! $python -c 'import torch' 2>/dev/null; then
    echo "installing python3-torch" >&2
    apt-get install -y --no-install-recommends python3-torch >/dev/null
fi
cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build" --target bench_engine >/dev/null

if [ "$losses" ]; then
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    "$build/tests/bench_engine" curve small 50 "$file"
    $python "$root/scripts/bench_engine_torch.py" curve small "$file"
    exit
fi
$python "$root/scripts/bench_engine.py" "$build/tests/bench_engine" $python "$csv" "$steps" "$cases" "$threads"
echo "CSV: $csv"
