#!/bin/sh
# plot.sh RESULTS: draws a study's results with gnuplot, as SVG and PNG, into its folder:
#   tradeoff    accuracy against runtime of every architecture, the best ones joined
#   progress    best so far against budget spent: the median over repeats, and the band of the middle half
# Only trials.csv and points.csv are read; any other tool can read them as well.
set -eu
[ $# = 1 ] || { echo "usage: plot.sh RESULTS (a folder with trials.csv)" >&2; exit 64; }
results=$1
[ -f "$results/trials.csv" ] || { echo "plot.sh: no trials.csv in $results" >&2; exit 66; }
command -v gnuplot >/dev/null || { echo "plot.sh: gnuplot is missing: apt-get install gnuplot-nox" >&2; exit 69; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# The column of this name in a CSV file (no cell before it holds a comma or a line break).
column() {
    head -n 1 "$1" | tr -d '\r' | tr , '\n' | grep -n -x "$2" | cut -d : -f 1
}

methods=$(sed 1d "$results/trials.csv" | cut -d , -f 1 | tr -d '"' | awk '!seen[$0]++')
[ -n "$methods" ] || { echo "plot.sh: no trials in $results yet" >&2; exit 66; }
first_goal=$(sed -n 's/^ *- \(maximize\|minimize\) /\1 /p' "$results/study.resolved.yaml" | head -n 1)
direction=${first_goal%% *}
goal=${first_goal#* }
unit=$(sed -n 's/^budget: *[^ ]* //p' "$results/study.resolved.yaml")
[ "$unit" != trials ] || unit='units of fidelity'
cap=$(sed -n 's/.*runtime <= \([0-9.e+-]*\) ms.*/\1/p' "$results/study.resolved.yaml" | head -n 1)

# Architectures: runtime and accuracy, a file a method; and the front over all of them.
runtime=$(column "$results/points.csv" runtime)
accuracy=$(column "$results/points.csv" accuracy)
final=$(column "$results/points.csv" final)
for method in $methods; do
    tr -d '\r' <"$results/points.csv" | awk -F , -v m="\"$method\"" -v r="$runtime" -v a="$accuracy" -v f="$final" \
        '$1 == m && $f == 1 && $r != "" && $a != "" { print $r, $a }' >"$work/points-$method"
done
cat "$work"/points-* | sort -g -k 1,1 -k 2,2gr |
    awk 'NR == 1 || $2 > best { best = $2; print }' >"$work/front"

# Best feasible objective so far against budget spent, a line a repeat, then quartiles on a grid of budgets.
objective=$(column "$results/trials.csv" 'objective\(_1\)\?')
violation=$(column "$results/trials.csv" violation)
cost=$(column "$results/trials.csv" cost)
for method in $methods; do
    tr -d '\r' <"$results/trials.csv" | awk -F , -v m="\"$method\"" -v o="$objective" -v v="$violation" -v c="$cost" -v d="$direction" '
        $1 != m { next }
        { spent[$2] += $c; if (!($2 in repeats)) repeats[$2] = n++ }
        $o != "" && $v == 0 && (!($2 in best) || (d == "maximize" ? $o > best[$2] : $o < best[$2])) { best[$2] = $o }
        $2 in best { k = ++steps[$2]; at[$2, k] = spent[$2]; to[$2, k] = best[$2]; grid[spent[$2]] = 1 }
        END {
            for (g in grid) budgets[++b] = g + 0
            for (i = 2; i <= b; i++) for (j = i; j > 1 && budgets[j] < budgets[j-1]; j--) { t = budgets[j]; budgets[j] = budgets[j-1]; budgets[j-1] = t }
            for (i = 1; i <= b; i++) {
                k = 0
                for (r in repeats) {
                    while (done[r] < steps[r] && at[r, done[r] + 1] <= budgets[i]) done[r]++
                    if (done[r]) { x = to[r, done[r]] + 0; for (j = ++k; j > 1 && q[j-1] > x; j--) q[j] = q[j-1]; q[j] = x }
                }
                if (2 * k >= n) print budgets[i], q[1 + int((k - 1) * .25 + .5)], q[1 + int((k - 1) * .5 + .5)], q[1 + int((k - 1) * .75 + .5)]
            }
        }' >"$work/progress-$method"
done

draw() { # draw NAME: gnuplot commands on standard input, as SVG and PNG
    cat >"$work/commands"
    for form in svg png; do
        case $form in
        svg) terminal="svg size 800,500 font 'sans-serif,13' background rgb 'white'" ;;
        png) terminal="pngcairo size 1200,750 font 'sans-serif,13'" ;;
        esac
        { echo "set terminal $terminal; set output '$results/$1.$form'"; cat "$work/commands"; } | gnuplot
    done
    echo "$results/$1.svg, $1.png"
}

list=
number=0
for method in $methods; do
    number=$((number + 1))
    [ -s "$work/points-$method" ] && list="$list '$work/points-$method' with points pt 7 ps 0.7 lc $number title '$method',"
done
if [ -n "$list" ]; then
    draw tradeoff <<END
set xlabel 'runtime (ms)'; set ylabel 'validation accuracy'; set key bottom right; set grid lc rgb '#dddddd'
set title 'Architectures found'
${cap:+set arrow from first $cap, graph 0 to first $cap, graph 1 nohead dt 2 lc rgb '#888888'}
${cap:+set label 'cap' at first $cap, graph 0.05 offset 0.5,0 tc rgb '#888888'}
set offsets graph 0.02, graph 0.02, graph 0.05, graph 0.05
plot $list '$work/front' with steps lw 1.5 lc rgb '#444444' title 'best'
END
fi

list=
number=0
for method in $methods; do
    number=$((number + 1))
    [ -s "$work/progress-$method" ] || continue
    list="$list '$work/progress-$method' using 1:2:4 with filledcurves fs transparent solid 0.15 lc $number notitle,"
    list="$list '$work/progress-$method' using 1:3 with steps lw 2 lc $number title '$method',"
done
if [ -n "$list" ]; then
    draw progress <<END
set xlabel 'budget spent ($unit)'; set ylabel "best so far: $goal"; set key bottom right; set grid lc rgb '#dddddd'
set title 'Median over repeats, band: middle half'
${direction:+$([ "$direction" = minimize ] && echo 'set key top right')}
plot $list NaN notitle
END
else
    echo "plot.sh: no feasible trial, so no progress to draw" >&2
fi
