#!/bin/sh
# How many system calls does a unit of work cost, and which? Units: a request, a new connection, a megabyte.
#   perf/syscalls.sh [-k request|connection|bulk|all] [-s SECONDS] [-p PID] [ROW]
# ROW is a row of the benchmarks or the beginning of one (mesh-bulk; script/bench --list).
# With -p the calls of that process are counted for SECONDS, without units. Counting slows the process down: the figures
# per unit are right, the speed is not.
set -eu
. "$(dirname "$0")/common.sh"

kinds=all
given=
while getopts p:k:s: letter; do
    case $letter in
    p) given=$OPTARG ;;
    k) kinds=$OPTARG ;;
    s) SECONDS_OF_LOAD=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
need strace "install strace"
need python3 "it makes the load"

# attached PID...: whether all of them are traced.
attached() {
    for each in "$@"; do
        grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$each/status" 2>/dev/null || return 1
    done
}

# count PIDS COMMAND...: strace -c around a command; PIDS is one word, with spaces between several. Sets begun and ended.
count() {
    pid=$1
    shift
    strace -c -f -q -U calls,name $(for each in $pid; do printf -- '-p %s ' "$each"; done) -o "$PLACE/calls" 2>"$PLACE/strace.log" &
    tracer=$!
    remember "$tracer"
    tries=0
    until attached $pid; do
        tries=$((tries + 1))
        if ! kill -0 "$tracer" 2>/dev/null || [ "$tries" -gt 200 ]; then
            say "syscalls.sh: strace cannot attach to $pid: $(cat "$PLACE/strace.log")"
            exit 77
        fi
        sleep 0.05
    done
    begun=$(date +%s.%N)
    "$@"
    ended=$(date +%s.%N)
    kill -INT "$tracer"
    wait "$tracer" 2>/dev/null || :
}

if [ -n "$given" ]; then
    count "$given" sleep "$SECONDS_OF_LOAD"
    cat "$PLACE/calls"
    exit 0
fi
# table CALLS UNITS UNIT: calls of each kind for one unit.
table() {
    python3 - "$1" "$2" "$3" <<'PYTHON'
import sys
units = float(sys.argv[2])
rows = []
for line in open(sys.argv[1]):
    words = line.split()
    if len(words) == 2 and words[0].isdigit() and words[1] != "total":
        rows.append((int(words[0]), words[1]))
total = sum(calls for calls, _ in rows)
if not units:
    sys.exit("no work was done")
print(f"{total / units:.2f} system calls per {sys.argv[3]} ({units:.0f} of them)")
for calls, name in sorted(rows, reverse=True):
    if calls / units >= 0.0005:
        print(f"    {calls / units:8.3f}  {name}")
PYTHON
}

if [ $# -gt 0 ]; then
    begin_row "$1"
    # A slice from end to end, with what it did while it was being counted. What it takes to attach belongs to neither.
    slice() {
        next_slice
        date +%s.%N >"$PLACE/from"
        next_slice
        date +%s.%N >"$PLACE/to"
        units_of_slice >"$PLACE/slice"
    }
    count "$PIDS" slice
    # Calls were counted from the attaching on, units in one slice: both for each second.
    read -r done_units unit <"$PLACE/slice"
    units=$(awk -v u="$done_units" -v a="$(cat "$PLACE/from")" -v b="$(cat "$PLACE/to")" -v c="$begun" -v d="$ended" \
        'BEGIN { print u / (b - a) * (d - c) }')
    table "$PLACE/calls" "$units" "$unit"
    exit 0
fi
[ "$kinds" = all ] && kinds="request connection bulk"
for kind in $kinds; do
    start_target "$kind"
    start_relay "$TARGET_PORT"
    run_load() { load "$kind" "$SECONDS_OF_LOAD" >"$PLACE/units"; }
    count "$PID" run_load
    table "$PLACE/calls" "$(awk '{ print $2 }' "$PLACE/units")" "$(unit_of "$kind")"
done
