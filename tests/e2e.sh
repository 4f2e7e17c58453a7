#!/bin/sh
# e2e.sh NASTUNE CASE: one case of the program as a whole, as its users see it. CASE is a function below whose name
# starts with case_; without one, they are listed. Works in a folder of its own, which it removes.
set -eu

if [ $# -lt 2 ]; then
    sed -n 's/^case_\([a-z0-9_]*\)().*/\1/p' "$0"
    exit 0
fi
case $1 in */*) nastune=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") ;; *) nastune=$1 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

die() {
    echo "FAILED: $*" >&2
    for file in out err; do
        [ -f $file ] && sed "s/^/$file: /" $file | tail -n 20 >&2
    done
    exit 1
}

# exits CODE COMMAND...: runs it, its output in out and err.
exits() {
    wanted=$1
    shift
    code=0
    "$@" >out 2>err || code=$?
    [ $code = "$wanted" ] || die "exit code $code instead of $wanted: $*"
}

has() { # has FILE TEXT: a line with it
    grep -q -F -e "$2" "$1" || die "no '$2' in $1"
}

same() { # same FOLDER FOLDER: the CSV files that are promised to be equal
    for file in trials.csv points.csv; do
        cmp "$1/$file" "$2/$file" || die "$1/$file and $2/$file differ"
    done
}

rows() { # rows RESULTS: trials committed in all its journals
    cat "$1"/runs/*/trials.csv 2>/dev/null | grep -c -v ^method || true
}

# wait_for N RESULTS PID: until N trials are committed (at most a minute), while PID lives.
wait_for() {
    i=0
    while [ "$(rows "$2")" -lt "$1" ] && kill -0 "$3" 2>/dev/null; do
        i=$((i + 1))
        [ $i -lt 1200 ] || die "not $1 trials after a minute"
        sleep 0.05
    done
}

# No process of this folder is left: every trial has its study's path among its arguments.
no_children() {
    echo "$work/" >pattern # in a file, so that grep's own arguments do not hold it
    i=0
    while left=$(grep -l -a -F -f pattern /proc/[0-9]*/cmdline 2>/dev/null); do
        i=$((i + 1))
        [ $i -lt 100 ] || die "processes are left: $left"
        sleep 0.05
    done
}

study() { # study [EXTRA LINE]...: the study most cases use, on standard output
    cat <<'END'
study: bowl
solver:
  name: bowl
  x0: -5 .. 5
  x1: -5 .. 5
objective: {maximize: accuracy, subject to: runtime <= 80 ms}
methods: [random, {name: bo, design: 4}]
END
    for line in "$@"; do
        echo "$line"
    done
}

# ---- equal bytes ----

jobs_do_not_matter() { # pending
    study "isolate: yes" "pending: $1" "budget: 8 trials" >study.yaml
    for j in 1 2 4; do
        exits 0 "$nastune" run study.yaml -j $j --out out-$j
    done
    same out-1/bowl out-2/bowl
    same out-1/bowl out-4/bowl
    study "isolate: no" "pending: $1" "budget: 8 trials" >study.yaml
    exits 0 "$nastune" run study.yaml --out out-inside
    same out-1/bowl out-inside/bowl
}

case_jobs() { jobs_do_not_matter 1; }
case_jobs_pending() { jobs_do_not_matter 3; }

interrupted() { # signal, exit code (empty: not looked at)
    study "isolate: yes" "pending: 2" "budget: 30 trials" >study.yaml
    exits 0 "$nastune" run study.yaml -j 2 --out straight
    "$nastune" run "$work/study.yaml" -j 2 --out "$work/stopped" >out 2>err &
    pid=$!
    wait_for 5 stopped/bowl $pid
    kill -s "$1" $pid 2>/dev/null || true # a fast machine may have come to the end
    code=0
    wait $pid || code=$?
    [ -z "$2" ] || [ $code = "$2" ] || [ $code = 0 ] || die "exit code $code after SIG$1"
    no_children
    if [ $code = 130 ]; then
        has err "stopped; every trial of 'bowl' that was shown is on disk"
        has err "run the same command again: nastune run -j 2 --out $work/stopped $work/study.yaml"
        [ -f stopped/bowl/trials.csv ] || die "no merged trials.csv after Ctrl-C"
    fi
    [ "$(rows stopped/bowl)" -ge 5 ] || die "rows were lost"
    exits 0 "$nastune" run study.yaml -j 1 --out stopped
    same straight/bowl stopped/bowl
}

case_interrupt() { interrupted INT 130; }
case_terminate() { interrupted TERM 143; }
case_kill() { interrupted KILL ""; }

case_budget_grows() {
    study "pending: 2" "budget: 6 trials" >small.yaml
    study "pending: 2" "budget: 11 trials" >large.yaml
    exits 0 "$nastune" run large.yaml --out straight
    exits 0 "$nastune" run small.yaml --out grown
    exits 0 "$nastune" run large.yaml --out grown
    same straight/bowl grown/bowl
    exits 0 "$nastune" run large.yaml --out grown # and once more: nothing to do
    same straight/bowl grown/bowl
    exits 1 "$nastune" run small.yaml --out grown
    has err "budget (may only grow): 11 there, 6 here"
}

case_method_added() {
    sed 's/^methods:.*/methods: [random]/' <<END >one.yaml
$(study "budget: 6 trials")
END
    study "budget: 6 trials" >two.yaml
    exits 0 "$nastune" run two.yaml --out straight
    exits 0 "$nastune" run one.yaml --out grown
    exits 0 "$nastune" run two.yaml --out grown
    same straight/bowl grown/bowl
}

# ---- trials that misbehave ----

misbehave() { # fault, status, reason, further study lines
    fault=$1 status=$2 reason=$3
    shift 3
    cat >study.yaml <<END
study: faulty
isolate: yes
solver: {name: bowl, x0: -5 .. 5, fault: $fault, fault_above: 0}
methods: [random]
budget: 6 trials
END
    for line in "$@"; do
        echo "$line" >>study.yaml
    done
    exits 0 "$nastune" run "$work/study.yaml" -j 2 --out "$work/results"
    no_children
    [ "$(rows results/faulty)" = 6 ] || die "$(rows results/faulty) rows instead of 6"
    has results/faulty/trials.csv ",\"done\","
    has results/faulty/trials.csv ",\"$status\",,"
    has results/faulty/trials.csv "$reason"
    bad=$(grep -c -F "\"$status\"" results/faulty/trials.csv)
    good=$(grep -c -F "\"done\"" results/faulty/trials.csv)
    [ $((bad + good)) = 6 ] || die "$bad and $good rows of 6"
    has out "random"
}

case_fault_fail() { misbehave fail failed "the bowl was asked to fail"; }
case_fault_exit() { misbehave exit failed "exit code 3"; }
case_fault_abort() { misbehave abort crashed "signal 6"; }
case_fault_kill() { misbehave kill crashed "signal 9"; }
case_fault_hang() { misbehave hang timeout "took longer than 0.5 s" "timeout: 0.5 s"; }
case_fault_nan() { misbehave nan invalid "" ; }
case_fault_empty() { misbehave empty invalid "" ; }

# Starts a study whose trials never end, as process $pid.
start_hanging() {
    cat >study.yaml <<'END'
study: busy
isolate: yes
solver: {name: bowl, x0: -5 .. 5, fault: hang}
methods: [random]
budget: 2 trials
END
    "$nastune" run "$work/study.yaml" --out "$work/results" >first 2>&1 &
    pid=$!
    i=0
    until [ -s results/busy/lock ] && [ -f results/busy/runs/random-0/trial-0/log.txt ]; do
        i=$((i + 1))
        [ $i -lt 600 ] || die "it does not start"
        sleep 0.05
    done
}

case_kill_leaves_no_child() {
    start_hanging
    kill -s KILL $pid
    wait $pid || true
    no_children
}

# ---- any program as a solver ----

case_command() {
    badtrial=$(dirname "$nastune")/tests/badtrial
    [ -x "$badtrial" ] || { echo "no $badtrial"; exit 77; }
    cat >study.yaml <<END
study: command
timeout: 1 s
solver:
  name: command
  command: ["$badtrial", "{mode}", "{trial_dir}"]
  settings:
    mode: [fine, exit, segv, kill, hang, stubborn, detach, flood, garbage, badline, typo, file, halffile, nulfile, nan,
           closes, limits, nothing]
methods: [random]
budget: 18 trials
END
    exits 0 "$nastune" run study.yaml -j 4 --out "$work/results"
    no_children
    while read -r mode status reason; do
        row=$(grep -F ",\"$mode\",\"" results/command/trials.csv) || die "no trial of $mode"
        echo "$row" >row
        has row ",\"$status\","
        has row "$reason"
    done <<'END'
fine done 0.5,0,1
exit failed exit code 3: giving up
segv crashed signal 11
kill crashed signal 9
hang timeout took longer than 1 s
stubborn timeout took longer than 1 s
detach done 0.5,0,1
flood done 0.5,0,1
garbage done 0.5,0,1
badline failed accuracy: 'high' is no number
typo failed did you mean 'accuracy'?
file done 0.5,0,2,1
halffile failed points.csv
nulfile failed points.csv
nan invalid accuracy
closes done 0.5,0,1
limits done 0.5,0,1
nothing invalid
END
    for log in results/command/runs/random-0/trial-*/log.txt; do
        [ "$(wc -c <"$log")" -le 600000 ] || die "$log is not capped"
    done
    grep -q 'bytes left out' results/command/runs/random-0/trial-*/log.txt || die "nothing was left out of a log"
}

# Killed with a command's detached grandchild alive: the next start ends it.
case_command_kill() {
    badtrial=$(dirname "$nastune")/tests/badtrial
    [ -x "$badtrial" ] || { echo "no $badtrial"; exit 77; }
    cat >study.yaml <<END
study: command
timeout: 60 s
solver:
  name: command
  command: ["$badtrial", "{mode}", "{trial_dir}"]
  settings: {mode: {choices: [stubborn, fine], search: no, default: stubborn}}
methods: [random]
budget: 1 trials
END
    "$nastune" run "$work/study.yaml" --out "$work/results" >first 2>&1 &
    pid=$!
    echo "$work/" >pattern
    i=0
    until [ "$(grep -l -a -F -f pattern /proc/[0-9]*/cmdline 2>/dev/null | wc -l)" -ge 4 ]; do
        i=$((i + 1)) # the runner, the trial, its command, and the grandchild
        [ $i -lt 600 ] || die "it does not start"
        sleep 0.05
    done
    kill -s KILL $pid
    wait $pid || true
    sed -i 's/timeout: 60 s/timeout: 0.5 s/' study.yaml
    exits 0 "$nastune" run study.yaml --out "$work/results"
    no_children
}

case_command_arguments() {
    cat >study.yaml <<'END'
study: arguments
seed: 7
solver:
  name: command
  command: [sh, -c, 'for word in "$@"; do printf "<%s>" "$word"; done; env | sort; echo "nastune: accuracy=0.5 speed=3"', sh,
            "--lr={lr}", "{op}", "a b", "{{}}", "$(touch hacked)", "`touch hacked`", "{fidelity}", ";", "../{op}"]
  columns: [speed]
  environment: [PASSED, "SET=a b=c"]
  settings:
    lr: {range: 1e-5 .. 1e-1, scale: log, default: 0.001, search: no}
    op: {choices: ["$(touch hacked)", "a;touch hacked"], default: "$(touch hacked)", search: no}
objective: {minimize: speed}
methods: [random]
budget: 1 trials
END
    exits 0 "$nastune" check study.yaml
    has out "#     --lr=0.001"
    cp out resolved.yaml
    exits 0 "$nastune" check resolved.yaml
    cmp out resolved.yaml || die "what check prints does not resolve to itself"
    exits 0 env PASSED=yes HIDDEN=no LC_ALL=C "$nastune" run study.yaml
    [ ! -e hacked ] || die "a value was run by a shell"
    cp results/arguments/runs/random-0/trial-0/log.txt log
    has log '<--lr=0.001><$(touch hacked)><a b><{}><$(touch hacked)><`touch hacked`><1><;><../$(touch hacked)>'
    has log "PASSED=yes"
    has log "SET=a b=c"
    has log "NASTUNE_FIDELITY=1"
    ! grep -q -e HIDDEN -e OPENBLAS log || die "the environment is not clean"
    has results/arguments/points.csv ",speed,arch"
    has results/arguments/trials.csv '"done",3,0,1,0'
    for spoil in 's/{lr}/{lrr}/' 's/"{op}"/"{op"/' 's/\[sh, -c/[no-such-program, -c/' 's/SET=/S T=/' 's/speed\]/loss]/'; do
        sed "$spoil" study.yaml >spoilt.yaml
        code=0
        "$nastune" check spoilt.yaml >out 2>err || code=$?
        [ $code = 1 ] || [ $code = 65 ] || die "exit code $code for a study spoilt by $spoil"
    done
}

# A command that continues from its checkpoints, cut off and gone on with.
case_command_resume() {
    cat >train.sh <<'END'
# Trains to $1 epochs from what is in the checkpoint $3, if any; its loss falls by the epoch, starting from $2.
from=0
[ -z "$3" ] || read -r from <"$3/epoch"
i=$from
while [ "$i" -lt "$1" ]; do
    i=$((i + 1))
    echo "nastune: epoch=$i loss=$(echo "$2 $i" | awk '{ print $1 * $1 + 1 / $2 }')"
done
echo "$i" >"$NASTUNE_CHECKPOINT/epoch"
echo "from $from to $i"
END
    cat >study.yaml <<'END'
study: resume
solver:
  name: command
  command: [sh, train.sh, "{fidelity}", "{x}", "{resume_from}"]
  resume: yes
  epochs: 1 .. 9
  settings: {x: -1 .. 1}
objective: {minimize: loss}
methods: [random, hyperband]
budget: 60 epochs
END
    "$nastune" methods | grep -q '^hyperband ' || sed -i 's/, hyperband//' study.yaml
    exits 0 "$nastune" run study.yaml -j 2 --out straight
    if grep -q hyperband study.yaml; then
        grep -q -r 'from 3 to 9' straight/resume/runs/hyperband-0 || die "no trial continued one"
    fi
    "$nastune" run study.yaml -j 2 --out killed >first 2>&1 &
    pid=$!
    wait_for 8 killed/resume $pid
    kill -s KILL $pid 2>/dev/null || true
    wait $pid || true
    exits 0 "$nastune" run study.yaml --out killed
    same straight/resume killed/resume
}

# ---- what is refused ----

case_two_runners() {
    start_hanging
    exits 75 "$nastune" run study.yaml
    has err "another process works on this study: process $pid on $(hostname)"
    kill -s INT $pid
    code=0
    wait $pid || code=$?
    [ $code = 130 ] || die "exit code $code after Ctrl-C"
    no_children
}

case_other_study() {
    study "budget: 4 trials" >study.yaml
    exits 0 "$nastune" run study.yaml
    cp -r results/bowl before
    study "budget: 4 trials" "seed: 2" >study.yaml
    exits 1 "$nastune" run study.yaml
    has err "holds results of another study named 'bowl'; give this one another name"
    has err "seed: 1 there, 2 here"
    diff -r -x lock results/bowl before || die "the old results were touched"
}

case_unwritable() {
    study "budget: 4 trials" >study.yaml
    echo "a file" >taken
    exits 1 "$nastune" run study.yaml --out taken
    has err "taken/bowl"
    [ "$(id -u)" = 0 ] && return 0 # nothing is unwritable to root
    mkdir locked
    chmod 555 locked
    exits 1 "$nastune" run study.yaml --out locked
    has err "locked/bowl: Permission denied"
}

case_bad_studies() {
    study "budget: 4 trials" "trails: 5" >typo.yaml
    exits 65 "$nastune" run typo.yaml
    has err "typo.yaml:9:1: error: unknown key 'trails'"
    : >empty.yaml
    head -c 2097152 /dev/zero | tr '\0' ' ' >large.yaml
    head -c 1000 "$nastune" >binary.yaml
    for name in empty large binary missing; do
        exits 65 "$nastune" run $name.yaml
        has err "$name.yaml"
    done
    [ ! -e results ] || die "a bad study left a results folder"
}

case_spoilt_journal() {
    study "budget: 4 trials" >study.yaml
    exits 0 "$nastune" run study.yaml
    sed -i 's/"done"/"dome"/' results/bowl/runs/random-0/trials.csv
    cp results/bowl/runs/random-0/trials.csv before.csv
    exits 1 "$nastune" run study.yaml
    has err "trials.csv:2: no status 'dome'"
    cmp results/bowl/runs/random-0/trials.csv before.csv || die "it was changed"
}

# Three loops of somebody else's at once, on one study: the bytes of a run by nastune.
case_ask_tell() {
    study "pending: 2" "budget: 6 trials" >study.yaml
    cat >loop.sh <<'END'
while :; do
    code=0
    trial=$("$1" ask study.yaml --out outside 2>err-$2) || code=$?
    [ $code != 75 ] || { sleep 0.05; continue; } # all are handed out
    [ $code = 0 ] || exit 1
    case $trial in *done*) exit 0 ;; esac
    field() { echo "$trial" | sed "s/.*\"$1\": \"*\([^,\"}]*\).*/\1/"; }
    "$1" solve bowl --set "x0=$(field x0)" --set "x1=$(field x1)" >points-$2.csv
    "$1" tell study.yaml --out outside --method "$(field method)" --trial "$(field trial)" --points points-$2.csv || exit 1
done
END
    pids=
    for i in 1 2 3; do
        sh loop.sh "$nastune" $i >loop-$i 2>&1 &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || die "a loop failed: $(cat loop-*)"
    done
    exits 0 "$nastune" run study.yaml --out straight
    same straight/bowl outside/bowl
    exits 0 "$nastune" ask study.yaml --out outside
    has out '{"done": true}'
    study "pending: 2" "budget: 7 trials" >study.yaml
    exits 0 "$nastune" ask study.yaml --out outside
    has out '"trial": 6'
    exits 1 "$nastune" tell study.yaml --out outside --method random --trial 3 --failed again
    has err "told before"
    exits 1 "$nastune" tell study.yaml --out outside --method bo --trial 6 --failed "not asked"
    has err "never asked for"
    exits 64 "$nastune" tell study.yaml --out outside --method random --trial 6
    exits 64 "$nastune" tell study.yaml --out outside --method rnd --trial 6 --failed x
    echo "acuracy" >bad.csv
    exits 1 "$nastune" tell study.yaml --out outside --method random --trial 6 --points bad.csv
    exits 0 "$nastune" tell study.yaml --out outside --method random --trial 6 --failed "it was lost"
    has outside/bowl/trials.csv '"failed",,,0,'
    has outside/bowl/trials.csv '"it was lost"'
}

case_repair() {
    study "budget: 8 trials" >study.yaml
    exits 0 "$nastune" run study.yaml --out straight
    exits 0 "$nastune" repair straight/bowl
    has out "bo-0: good, 8 trials"
    for spoil in '4s/"done"/"dome"/ trials' '5s/,0,/,7,/ points' '6s/,"bo"/,"x"/ trials' '3d points' '1s/trial/trail/ trials' \
        '6s/^"/\x00/ trials' '4s/\r// trials'; do
        rm -rf spoilt
        cp -r straight spoilt
        sed -i "${spoil% *}" spoilt/bowl/runs/bo-0/${spoil##* }.csv
        cmp -s spoilt/bowl/runs/bo-0/${spoil##* }.csv straight/bowl/runs/bo-0/${spoil##* }.csv && continue
        exits 1 "$nastune" run study.yaml --out spoilt
        exits 1 "$nastune" repair spoilt/bowl
        has out "trials before it are good"
        exits 1 "$nastune" run study.yaml --out spoilt # it changed nothing
        exits 0 "$nastune" repair --cut spoilt/bowl
        [ -f spoilt/bowl/runs/bo-0/trials.csv.before-repair ] || die "no copy was kept"
        exits 0 "$nastune" run study.yaml --out spoilt
        same straight/bowl spoilt/bowl
    done
}

case_status() {
    start_hanging
    exits 0 "$nastune" status results/busy
    has out "study busy: at work: process $pid on"
    has out "random"
    kill -s KILL $pid
    wait $pid || true
    exits 0 "$nastune" status results/busy
    has out "nobody works on it"
    study "timeout: 1 h" "budget: 6 trials" >study.yaml
    sed -i 's/x1: -5 .. 5/x1: -5 .. 5\n  fault: [none, fail]/' study.yaml
    exits 0 "$nastune" run study.yaml
    before=$(ls -lR --time-style=full-iso results/bowl)
    exits 0 "$nastune" status results/bowl
    has out "100 %"
    has out "failed, the bowl was asked to fail"
    [ "$before" = "$(ls -lR --time-style=full-iso results/bowl)" ] || die "status changed something"
    exits 1 "$nastune" status nowhere
    exits 64 "$nastune" status
}

case_missing_data() {
    "$nastune" solvers | grep -q '^single-path ' || { echo "no single-path in this build"; exit 77; }
    cat >study.yaml <<'END'
study: nodata
solver: {name: single-path, data: cifar-10, lambda: 1e-4 .. 1}
methods: [random]
budget: 2 trials
END
    exits 1 env NASTUNE_DATA="$work/none" "$nastune" run study.yaml
    has err "cifar"
}

# ---- the other commands ----

case_commands() {
    exits 0 "$nastune" --help
    for name in run check solve solvers methods; do
        has out "  $name "
        exits 0 "$nastune" $name --help
        has out "nastune $name"
        exits 0 "$nastune" --help
    done
    exits 0 "$nastune" --version
    has out "nastune 0."
    exits 64 "$nastune"
    exits 64 "$nastune" rnu study.yaml
    has err "no command 'rnu'; did you mean 'run'?"
    exits 64 "$nastune" run
    exits 64 "$nastune" run -j 0 study.yaml
    exits 64 "$nastune" run --nonsense study.yaml
    exits 0 "$nastune" solvers
    has out "bowl"
    exits 0 "$nastune" solvers bowl
    has out "fault_above"
    exits 64 "$nastune" solvers bwol
    has err "did you mean 'bowl'?"
    exits 0 "$nastune" methods
    has out "random"
    exits 0 "$nastune" methods bo
    has out "design"
    [ -e /dev/full ] || return 0
    code=0
    "$nastune" solvers >/dev/full 2>err || code=$?
    [ $code = 1 ] || die "exit code $code on a full disk"
}

case_solve() {
    exits 0 "$nastune" solve bowl --set x0=1 --set x1=-2 --set x2=0.5 --set x3=3 --set x4=-1
    has out "point,epoch,final,accuracy"
    has out "0,8,1,"
    exits 64 "$nastune" solve bowl --set x0=99
    has err "x0: 99 is outside -5 .. 5"
    exits 64 "$nastune" solve bowl --set x9=1
    exits 64 "$nastune" solve bwol
    exits 1 "$nastune" solve bowl --set fault=fail
    has err "the bowl was asked to fail"
}

case_plan() {
    cat >study.yaml <<'END'
study: plan
solver: {name: bowl, epochs: 1 .. 81, x0: -5 .. 5}
methods: [hyperband, random]
budget: 1902 epochs
END
    exits 0 "$nastune" plan study.yaml
    [ "$(grep -c -E '^  [0-4] +[0-9]+ +[0-9]+ +[0-9]+$' out)" = 15 ] || die "not the 15 rungs of R = 81, eta = 3"
    grep -q -E '^  a pass +206 +1902 epochs' out || die "not 206 trials and 1902 epochs"
    exits 0 "$nastune" run -q study.yaml # the plan comes true
    [ "$(grep -c '^"hyperband"' results/plan/trials.csv)" = 206 ] || die "not 206 trials"
    exits 65 "$nastune" plan no-such-file
    exits 64 "$nastune" plan
}

case_compare() {
    cat >study.yaml <<'END'
study: compare
repeats: 8
solver: {name: bowl, x0: -5 .. 5, x1: -5 .. 5}
methods: [random, bo, {name: random, label: again}]
budget: 25 trials
END
    exits 0 "$nastune" run -q study.yaml
    exits 0 "$nastune" compare results/compare
    grep -q -E '^random +bo +8 .* bo is better$' out || die "bo is not better"
    grep -q -E '^random +again +8 +0 +0.500 +1 +1 +no difference shown$' out || die "random differs from itself"
    exits 0 "$nastune" compare --at 3 results/compare
    has out "after 3 trials"
    exits 1 "$nastune" compare nowhere
    exits 64 "$nastune" compare --at x results/compare
}

# A real search and its final training, small; the rows of final.csv do not depend on -j, and what is there is kept.
small_search() {
    [ -d /usr/share/datasets/fashion-mnist ] || { echo "no dataset-fashion-mnist"; exit 77; }
    cat >small.yaml <<'END'
study: small
solver: {name: single-path, epochs: 1, train: 128, validation: 100, lambda: 1e-5 .. 1e-2}
methods: [random]
budget: 2 epochs
final: {epochs: 1, images: 128}
END
    exits 0 "$nastune" run -q -j 2 --out results small.yaml
}

case_retrain() {
    small_search
    set -- --trial random:0:0 --arch "fashion k3e3 skip skip k3e3 k3e3 k3e3 skip k5e6" --seeds 2 results/small
    exits 0 "$nastune" retrain -j 2 "$@"
    cp results/small/final.csv two.csv
    [ "$(wc -l <two.csv)" -eq 5 ] || die "not a header and four rows"
    sed -n 2,5p two.csv | cut -d , -f 6 | grep -q -v '"done"' && die "a training that is not done"
    head -n 3 two.csv >results/small/final.csv
    printf '"random",0,1,0,1,"do' >>results/small/final.csv # killed within a row
    exits 0 "$nastune" retrain -j 1 "$@"
    cmp two.csv results/small/final.csv || die "final.csv differs after a stop"
    exits 1 "$nastune" retrain --trial random:0:7 results/small
    has err "no final architecture of random:0:7"
    exits 1 "$nastune" retrain --arch "fashion k3e3" results/small
    has err "fashion k3e3"
}

case_check() {
    study "budget: 4 trials" >study.yaml
    exits 0 "$nastune" check study.yaml
    cp out resolved.yaml
    has out "repeats: 1"
    exits 0 "$nastune" check resolved.yaml
    cmp out resolved.yaml || die "what check prints does not resolve to itself"
    exits 0 "$nastune" run study.yaml
    cmp results/bowl/study.resolved.yaml resolved.yaml || die "run resolves another study"
    exits 65 "$nastune" check missing.yaml
    exits 64 "$nastune" check
}

case_csv() {
    command -v python3 >/dev/null || { echo "no python3"; exit 77; }
    cat >study.yaml <<'END'
study: csv
solver: {name: bowl, x0: -5 .. 5, fault: [none, fail, nan], fault_above: -5 .. 5}
methods: [random]
budget: 30 trials
END
    exits 0 "$nastune" run study.yaml
    python3 - results/csv <<'END' || die "python3 does not read it"
import csv, sys
def load(name):
    with open(f"{sys.argv[1]}/{name}.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, strict=True))
trials, points, timing = load("trials"), load("points"), load("timing")
assert len(trials) == len(timing) == 30
assert all(None not in row and None not in row.values() for row in trials + points + timing)
assert len(points) == sum(int(row["points"]) for row in trials)
for row in trials:
    assert row["status"] in ("done", "failed", "invalid") and -5 <= float(row["x0"]) <= 5
    assert (row["fault_above"] == "") == (row["fault"] == "none")
    assert (row["objective"] != "") == (row["status"] == "done") == (row["detail"] == "")
END
}

[ "$(type "case_$2" 2>/dev/null)" ] || { echo "e2e.sh: no case '$2'" >&2; exit 64; }
: "$here"
"case_$2"
