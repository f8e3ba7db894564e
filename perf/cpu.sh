#!/bin/sh
# Where does CPU time go? An on-CPU flame graph of Warren, Swift names demangled.
#   perf/cpu.sh [-p PID] [-k request|connection|bulk] [-s SECONDS] [-o FILE.svg] [-c FILE.stacks] [ROW]
# ROW is a row of the benchmarks or the beginning of one (mesh-bulk, tunnel-request; script/bench --list): that candidate then runs
# under that load. Without ROW and -p it starts a relay with load of its own. -c keeps the stacks for perf/diff.sh. Uses the CPU clock, so that no hardware counters are needed.
set -eu
. "$(dirname "$0")/common.sh"

kind=request
output=cpu.svg
given=
stacks=
while getopts p:k:s:o:c: letter; do
    case $letter in
    p) given=$OPTARG ;;
    k) kind=$OPTARG ;;
    s) SECONDS_OF_LOAD=$OPTARG ;;
    o) output=$OPTARG ;;
    c) stacks=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
need perf "install linux-perf; and allow it: sysctl kernel.perf_event_paranoid=1, or run as root"
need python3 "the graph is drawn by perf/flame.py"
if [ -n "$given" ]; then
    PID=$given
elif [ $# -gt 0 ]; then
    begin_row "$1"
    kind=$1
    PID=$(echo $PIDS | tr ' ' ,)
else
    start_target "$kind"
    start_relay "$TARGET_PORT"
    load "$kind" "$((SECONDS_OF_LOAD + 2))" >"$PLACE/units" &
    remember $!
    sleep 1
fi
perf record -q -e cpu-clock -F 997 -g -p "$PID" -o "$PLACE/perf.data" -- sleep "$SECONDS_OF_LOAD" >"$PLACE/record.log" 2>&1 || {
    say "cpu.sh: perf record failed: $(cat "$PLACE/record.log")"
    exit 1
}
perf script -i "$PLACE/perf.data" -F comm,ip,sym,dso 2>/dev/null >"$PLACE/samples"
demangle=cat
command -v swift-demangle >/dev/null 2>&1 && demangle="swift-demangle -compact -simplified"
$demangle <"$PLACE/samples" | python3 "$HERE/collapse.py" >"$PLACE/stacks"
if [ ! -s "$PLACE/stacks" ]; then
    say "cpu.sh: no samples: process $PID used no CPU in $SECONDS_OF_LOAD s"
    exit 1
fi
[ -z "$stacks" ] || cp "$PLACE/stacks" "$stacks"
python3 "$HERE/flame.py" --title "Warren on CPU, $kind" <"$PLACE/stacks" >"$output"
say "cpu.sh: $output; the hottest functions themselves:"
python3 "$HERE/collapse.py" --self <"$PLACE/stacks"
