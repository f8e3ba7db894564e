#!/bin/sh
# What changed between two commits? A flame graph of the later one, red where its share of the time grew, blue where it shrank.
#   perf/diff.sh [-s SECONDS] [-o FILE.svg] BEFORE AFTER [ROW]
# BEFORE and AFTER are commits, built for release under .build/diff and kept there, or binaries of Warren. ROW is a row of the
# benchmarks or the beginning of one; the default is tunnel-request-64-c64.
set -eu
. "$(dirname "$0")/common.sh"

output=diff.svg
while getopts s:o: letter; do
    case $letter in
    s) SECONDS_OF_LOAD=$OPTARG ;;
    o) output=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -lt 2 ]; then
    say "diff.sh: want BEFORE and AFTER: two commits, or two binaries of Warren"
    exit 2
fi
need perf "install linux-perf; and allow it: sysctl kernel.perf_event_paranoid=1, or run as root"
need python3 "the graph is drawn by perf/flame.py"

# binary_of COMMIT|FILE: prints the binary, built first when it is a commit's that was not built yet.
binary_of() {
    if [ -f "$1" ] && [ -x "$1" ]; then
        echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
        return
    fi
    commit=$(git -C "$ROOT" rev-parse --verify --quiet "$1^{commit}") || {
        say "diff.sh: $1 is neither a commit nor a program"
        exit 2
    }
    kept="$ROOT/.build/diff/$commit"
    if [ ! -x "$kept/warren" ]; then
        say "diff.sh: building $1 for release; this takes minutes"
        mkdir -p "$kept/source"
        git -C "$ROOT" archive "$commit" | tar -x -C "$kept/source"
        swift build --package-path "$kept/source" --scratch-path "$kept/build" -c release --product warren >"$kept/build.log" 2>&1 || {
            say "diff.sh: $1 does not build: $(tail -5 "$kept/build.log")"
            exit 1
        }
        # Moved, so that who is interrupted here leaves no half of a program for the next time.
        mv "$(readlink -f "$kept/build/release/warren")" "$kept/warren"
        rm -rf "$kept/source" "$kept/build"
    fi
    echo "$kept/warren"
}

row=${3:-tunnel-request-64-c64}
before=$(binary_of "$1")
after=$(binary_of "$2")
for side in before after; do
    eval "binary=\$$side"
    WARREN=$binary "$HERE/cpu.sh" -s "$SECONDS_OF_LOAD" -o "$PLACE/$side.svg" -c "$PLACE/$side.stacks" "$row" >"$PLACE/$side.txt"
done
python3 "$HERE/flame.py" --title "$row, $1 to $2" --before "$PLACE/before.stacks" <"$PLACE/after.stacks" >"$output"
say "diff.sh: $output; the hottest functions, before and after:"
paste "$PLACE/before.txt" "$PLACE/after.txt" | awk -F'\t' '{ printf "%-64s %s\n", $1, $2 }'
