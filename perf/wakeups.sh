#!/bin/sh
# How often do Warren's threads sleep and wake, and is an idle Warren really idle?
#   perf/wakeups.sh [-p PID] [-k request|connection|bulk] [-s SECONDS] [ROW]
# ROW is a row of the benchmarks or the beginning of one (mesh-bulk; script/bench --list).
# Reads the kernel's own counts (/proc/PID/task/*/status and stat), so it needs no tool and no privilege beyond the owner's.
set -eu
. "$(dirname "$0")/common.sh"

kind=
given=
while getopts p:k:s: letter; do
    case $letter in
    p) given=$OPTARG ;;
    k) kind=$OPTARG ;;
    s) SECONDS_OF_LOAD=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
need python3 "it reads the counts"

watch() {
    python3 - "$1" "$2" "$3" <<'PYTHON'
import os, re, sys, time
pid, seconds, title = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
def read():
    threads = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            status = open(f"/proc/{pid}/task/{task}/status").read()
            stat = open(f"/proc/{pid}/task/{task}/stat").read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        threads[task] = (
            re.search(r"Name:\s+(.*)", status).group(1),
            int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", status).group(1)),
            int(re.search(r"nonvoluntary_ctxt_switches:\s+(\d+)", status).group(1)),
            (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"))
    return threads
first = read()
time.sleep(seconds)
second = read()
print(f"{title}, per second over {seconds:.0f} s")
print(f"    {'thread':16} {'sleeps':>10} {'preempted':>10} {'CPU %':>7}")
for task, (name, voluntary, forced, cpu) in sorted(second.items()):
    _, v0, f0, c0 = first.get(task, (name, 0, 0, 0.0))
    print(f"    {name:16} {(voluntary - v0) / seconds:10.1f} {(forced - f0) / seconds:10.1f} {100 * (cpu - c0) / seconds:7.1f}")
PYTHON
}

if [ -n "$given" ]; then
    watch "$given" "$SECONDS_OF_LOAD" "process $given"
    exit 0
fi
if [ $# -gt 0 ]; then
    begin_row "$1"
    for each in $PIDS $AGENT; do
        watch "$each" "$SECONDS_OF_LOAD" "$1, process $each $([ "$each" = "$AGENT" ] && echo '(agent)')"
    done
    exit 0
fi
start_target "${kind:-request}"
start_relay "$TARGET_PORT"
watch "$PID" "$SECONDS_OF_LOAD" "idle"
load "${kind:-request}" "$((SECONDS_OF_LOAD + 1))" >"$PLACE/units" &
remember $!
sleep 0.5
watch "$PID" "$SECONDS_OF_LOAD" "under load, ${kind:-request}"
