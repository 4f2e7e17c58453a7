#!/bin/sh
# bench_harness.sh [NASTUNE]: what the harness itself costs, measured with the solver that costs nothing:
#   trials a second, rows on disk at the end (synced in groups while it runs, as always)
#   peak memory of `nastune run` for 10,000 trials
#   the overhead of Bayesian optimisation: ask + tell of a trial after 200 others in 5 dimensions, median
# Prints a table and writes results/bench-harness/harness.csv. Needs awk, and GNU time for the memory.
set -eu
cd "$(dirname "$0")/.."
nastune=${1:-build/release/nastune}
[ -x "$nastune" ] || { echo "bench_harness.sh: no $nastune; build it first: cmake --preset release && cmake --build --preset release" >&2; exit 66; }
out=results/bench-harness
work=$(mktemp -d -p . .bench-harness-XXXXXX) # on the disk that results are on
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$out"

study() { # study NAME METHOD BUDGET
    cat <<END >"$work/$1.yaml"
study: $1
solver: {name: bowl, x0: -5 .. 5, x1: -5 .. 5, x2: -5 .. 5, x3: -5 .. 5, x4: -5 .. 5}
methods: [$2]
budget: $3 trials
END
}

seconds() { # seconds COMMAND...: its wall-clock time
    from=$(date +%s.%N)
    "$@"
    to=$(date +%s.%N)
    echo "$from $to" | awk '{ print $2 - $1 }'
}

# Trials a second over 50,000 trials, whole command, best of three: start, proposals, CSV, syncs, merge.
trials=50000
study speed random $trials
best=
for repeat in 1 2 3; do
    rm -rf "$work/speed"
    took=$(seconds "$nastune" run --quiet --out "$work" "$work/speed.yaml")
    best=$(echo "$took ${best:-$took}" | awk '{ print $1 < $2 ? $1 : $2 }')
done
[ "$(grep -c . "$work/speed/trials.csv")" = $((trials + 1)) ]
rate=$(echo "$trials $best" | awk '{ printf "%.0f", $1 / $2 }')

study memory random 10000
if command -v /usr/bin/time >/dev/null; then
    /usr/bin/time -f %M -o "$work/peak" "$nastune" run --quiet --out "$work" "$work/memory.yaml"
    again=$work/again # once more over a full journal: what a resume takes
    /usr/bin/time -f %M -o "$again" "$nastune" run --quiet --out "$work" "$work/memory.yaml"
else # the peak that the kernel shows while it runs
    "$nastune" run --quiet --out "$work" "$work/memory.yaml" &
    pid=$!
    echo 0 >"$work/peak"
    while kill -0 $pid 2>/dev/null; do
        awk '/^VmHWM/ { print $2 }' /proc/$pid/status >"$work/now" 2>/dev/null && [ -s "$work/now" ] && mv "$work/now" "$work/peak"
        sleep 0.02
    done
    again=$work/peak
fi
peak=$(awk '{ printf "%.1f", $1 / 1024 }' "$work/peak")
resumed=$(awk '{ printf "%.1f", $1 / 1024 }' "$again")

# The median over trials 190 to 209 of ask + tell, from timing.csv.
study bo bo 210
"$nastune" run --quiet --out "$work" "$work/bo.yaml"
overhead=$(tr -d '\r' <"$work/bo/timing.csv" | awk -F , '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    $column["trial"] >= 190 { print 1000 * ($column["ask_seconds"] + $column["tell_seconds"]) }' |
    sort -g | awk '{ v[NR] = $1 } END { printf "%.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }')

{
    printf 'measure,value,unit,target\r\n'
    printf '"trials a second (durable)",%s,"1/s",">= 5000"\r\n' "$rate"
    printf '"peak memory of 10000 trials",%s,"MB","< 100"\r\n' "$peak"
    printf '"peak memory of the same resumed",%s,"MB","< 100"\r\n' "$resumed"
    printf '"bo: ask + tell at n = 200 with d = 5 (median)",%s,"ms","< 50"\r\n' "$overhead"
} >"$out/harness.csv"
tr -d '\r"' <"$out/harness.csv" |
    awk -F , '{ printf "%-48s %10s %-5s %s\n", $1, $2, $3, $4 }'
echo
echo "$out/harness.csv"
