#!/bin/sh
# Does a short search know anything about lambda? For Single-Path NAS, truncating its schedule of 8
# epochs before the warm-up ends (5 epochs) cannot: lambda is not in the loss yet. Compressing the
# schedule can. Writes a row for each search as CSV to standard output; awk sums up at the end, on
# standard error: the rank correlation of lambda and runtime, and of runtime with that of the full
# search. Usage: scripts/fidelity_information.sh [NASTUNE] > results/fidelity.csv
set -eu
nastune=${1:-build/release/nastune}
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

search() { # fidelity epochs lambda
    "$nastune" solve single-path --full 8 --seed 1 --set fidelity="$1" --set epochs="$2" \
        --set lambda="$3" --set curve=no --set train=3000 |
        tail -n 1 | awk -F, -v OFS=, -v f="$1" -v e="$2" -v l="$3" '{print f, e, l, $4, $7}'
}

for lambda in 1e-4 3e-4 1e-3 3e-3 0.01 0.03 0.1 0.3 1; do
    search truncate 8 "$lambda" | sed 's/^truncate/full/'
    for epochs in 2 4; do
        search truncate "$epochs" "$lambda"
        search rescale "$epochs" "$lambda"
    done
done >"$rows"

echo fidelity,epochs,lambda,accuracy,runtime
cat "$rows"
awk -F, '
    function ranks(v, n, r,   i, j, below, same) {
        for (i = 1; i <= n; i++) {
            below = same = 0
            for (j = 1; j <= n; j++) { below += v[j] < v[i]; same += v[j] == v[i] }
            r[i] = below + (same + 1) / 2
        }
    }
    function spearman(a, b, n,   i, m, ab, aa, bb, x, y) {
        ranks(a, n, x); ranks(b, n, y); m = (n + 1) / 2
        for (i = 1; i <= n; i++) {
            ab += (x[i] - m) * (y[i] - m); aa += (x[i] - m) ^ 2; bb += (y[i] - m) ^ 2
        }
        return aa * bb > 0 ? sprintf("%.2f", ab / sqrt(aa * bb)) : "none (all equal)"
    }
    { key = $1 " " $2; n[key]++; lambda[key, n[key]] = $3 + 0; ms[key, n[key]] = $5 + 0 }
    END {
        for (key in n) {
            for (i = 1; i <= n[key]; i++) {
                a[i] = lambda[key, i]; b[i] = ms[key, i]; c[i] = ms["full 8", i]
            }
            printf "%s epochs: lambda and runtime %s, runtime and full runtime %s\n", key,
                   spearman(a, b, n[key]), spearman(b, c, n[key])
        }
    }' "$rows" | sort >&2
