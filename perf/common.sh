# Sourced by the scripts beside it: finds Warren, starts a relay with load when no pid is given, ends what it started.
# Not to be run alone. Sets HERE, WARREN, PID; begin_load KIND starts traffic and sets LOAD_PORT.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$HERE")
SECONDS_OF_LOAD=${SECONDS_OF_LOAD:-5}
WARREN=${WARREN:-$ROOT/.build/release/warren}
PID=
STARTED=
PLACE=$(mktemp -d "${TMPDIR:-/tmp}/warren-perf-XXXXXX")

say() { printf '%s\n' "$*" >&2; }

# need PROGRAM WHY: ends with a sentence when a program is missing.
need() {
    if ! command -v "$1" >/dev/null 2>&1; then
        say "$(basename "$0"): $1 is missing: $2"
        exit 77
    fi
}

finish() {
    status=$?
    for each in $STARTED; do kill "$each" 2>/dev/null || :; done
    for each in $STARTED; do wait "$each" 2>/dev/null || :; done
    rm -rf "$PLACE"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

remember() { STARTED="$STARTED $1"; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_port PORT: until something listens there, ten seconds at most.
wait_port() {
    python3 - "$1" <<'PYTHON'
import socket, sys, time
end = time.monotonic() + 10
while time.monotonic() < end:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.05)
sys.exit("nothing listens on port %s" % sys.argv[1])
PYTHON
}

# start_relay TARGET_PORT [FLAG...]: starts Warren and sets PID and LOAD_PORT.
start_relay() {
    if [ ! -x "$WARREN" ]; then
        say "$(basename "$0"): no binary at $WARREN: swift build -c release --product warren, or set WARREN"
        exit 77
    fi
    target=$1
    shift
    LOAD_PORT=$(free_port)
    "$WARREN" relay -listen "127.0.0.1:$LOAD_PORT" -target "127.0.0.1:$target" "$@" >"$PLACE/warren.out" 2>"$PLACE/warren.log" &
    PID=$!
    remember "$PID"
    wait_port "$LOAD_PORT"
}

# start_target KIND: "request" and "connection" answer small HTTP requests, "bulk" swallows or is iperf3's server. Sets
# TARGET_PORT.
start_target() {
    TARGET_PORT=$(free_port)
    if [ "$1" = bulk ] && command -v iperf3 >/dev/null 2>&1; then
        iperf3 -s -p "$TARGET_PORT" >/dev/null 2>&1 &
    else
        python3 "$HERE/load.py" serve "$1" "$TARGET_PORT" &
    fi
    remember $!
    wait_port "$TARGET_PORT"
}

# load KIND SECONDS: traffic through LOAD_PORT; prints "units N".
load() {
    if [ "$1" = bulk ] && command -v iperf3 >/dev/null 2>&1; then
        iperf3 -c 127.0.0.1 -p "$LOAD_PORT" -t "$2" -J >"$PLACE/iperf.json"
        python3 -c 'import json, sys; print("units", json.load(open(sys.argv[1]))["end"]["sum_received"]["bytes"] // 1000000)' \
            "$PLACE/iperf.json"
    elif [ "$1" = request ] && command -v wrk >/dev/null 2>&1; then
        wrk -t1 -c64 -d"${2}s" "http://127.0.0.1:$LOAD_PORT/" >"$PLACE/wrk.txt"
        awk '/requests in/ { print "units", $1 }' "$PLACE/wrk.txt"
    else
        python3 "$HERE/load.py" drive "$1" "$LOAD_PORT" "$2"
    fi
}

unit_of() {
    case $1 in
    bulk) echo MB ;;
    *) echo "$1" ;;
    esac
}

# begin_row ROW [BINARY]: a candidate under the load of a benchmark's row (script/bench --hold), for as long as the script runs. Sets
# PIDS, all that carry traffic, and AGENT, a mesh's agent or nothing.
begin_row() {
    need python3 "it makes the load"
    if [ ! -x "$ROOT/Benchmarks/.build/release/warren-bench" ]; then
        say "$(basename "$0"): the load generator is not built: swift build --package-path Benchmarks -c release --product warren-bench"
        exit 77
    fi
    : >"$PLACE/hold"
    "$ROOT/script/bench" --hold "$1" --warren "${2:-$WARREN}" --seconds 2 --no-checks >"$PLACE/hold" 2>"$PLACE/hold.log" &
    HOLD=$!
    remember "$HOLD"
    tries=0
    until grep -q '^load ' "$PLACE/hold"; do
        tries=$((tries + 1))
        if ! kill -0 "$HOLD" 2>/dev/null || [ "$tries" -gt 900 ]; then
            say "$(basename "$0"): $(tail -1 "$PLACE/hold.log")"
            exit 1
        fi
        sleep 0.1
    done
    PIDS=$(awk '$1 == "pid" && $2 != "agent" { for (i = 3; i <= NF; i++) printf "%s ", $i }' "$PLACE/hold")
    AGENT=$(awk '$1 == "pid" && $2 == "agent" { print $3 }' "$PLACE/hold")
    say "$(basename "$0"): $1 runs: $(awk '$1 == "pid" { $1 = ""; printf "%s;", $0 }' "$PLACE/hold")"
    sleep 1
}

# next_slice: waits until the load has finished another slice; 60 seconds at most.
next_slice() {
    seen=$(grep -c '^slice ' "$PLACE/hold" || :)
    tries=0
    while [ "$(grep -c '^slice ' "$PLACE/hold" || :)" -le "$seen" ]; do
        tries=$((tries + 1))
        if ! kill -0 "$HOLD" 2>/dev/null || [ "$tries" -gt 1200 ]; then
            say "$(basename "$0"): the load ended: $(tail -1 "$PLACE/hold.log")"
            exit 1
        fi
        sleep 0.05
    done
}

# units_of_slice: "N request" or "N MB", what the last slice did.
units_of_slice() {
    tail -1 "$PLACE/hold" | awk '{ if ($3 > 0) print $3, "request"; else print int($5 / 1000000), "MB" }'
}
