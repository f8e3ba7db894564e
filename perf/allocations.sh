#!/bin/sh
# What does a unit of work ask of malloc and of the Swift runtime? Should be 0 a request and a megabyte.
#   perf/allocations.sh [-k request|connection|bulk|all] [-s SECONDS] [ROW]
# ROW is a row of the benchmarks or the beginning of one (mesh-bulk; script/bench --list).
# Counts the calls of data loops with perf/count.c, built here and put in front with LD_PRELOAD; so it starts Warren itself.
set -eu
. "$(dirname "$0")/common.sh"

kinds=all
while getopts k:s: letter; do
    case $letter in
    k) kinds=$OPTARG ;;
    s) SECONDS_OF_LOAD=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
compiler=$(command -v clang || command -v cc || command -v gcc || :)
if [ -z "$compiler" ]; then
    say "allocations.sh: no C compiler: install clang or gcc"
    exit 77
fi
need python3 "it makes the load"
"$compiler" -O2 -shared -fPIC -o "$PLACE/count.so" "$HERE/count.c" -ldl
if [ $# -gt 0 ]; then
    # The benchmarks start this in Warren's place; each process then counts into a file of its own.
    cat >"$PLACE/warren" <<SHELL
#!/bin/sh
WARREN_COUNTS=$PLACE/counts.\$\$ LD_PRELOAD=$PLACE/count.so exec $(command -v "$WARREN") "\$@"
SHELL
    chmod 755 "$PLACE/warren"
    begin_row "$1" "$PLACE/warren"
    next_slice
    for each in $PIDS; do cp "$PLACE/counts.$each" "$PLACE/before.$each"; done
    next_slice
    for each in $PIDS; do cp "$PLACE/counts.$each" "$PLACE/after.$each"; done
    set -- $(units_of_slice) $PIDS
    python3 - "$PLACE" "$@" <<'PYTHON'
import struct, sys
place, units, unit, pids = sys.argv[1], max(1, int(sys.argv[2])), sys.argv[3], sys.argv[4:]
names = ("allocations", "frees", "retains and releases", "objects", "bytes asked for", "allocations of OpenSSL's", "bytes of those")
for pid in pids:
    before, after = (struct.unpack("7Q", open(f"{place}/{which}.{pid}", "rb").read(56)) for which in ("before", "after"))
    if before[0] == 0:
        sys.exit("nothing was counted: is the binary linked statically?")
    print(f"process {pid}, per {unit} ({units} of them): " + ", ".join(
        f"{(b - a) / units:.3f} {name}" for name, a, b in zip(names, before, after)))
PYTHON
    exit 0
fi
[ "$kinds" = all ] && kinds="request connection bulk"
for kind in $kinds; do
    start_target "$kind"
    export WARREN_COUNTS="$PLACE/counts.$kind" LD_PRELOAD="$PLACE/count.so"
    start_relay "$TARGET_PORT"
    unset LD_PRELOAD
    load "$kind" 1 >/dev/null
    cp "$WARREN_COUNTS" "$PLACE/before"
    load "$kind" "$SECONDS_OF_LOAD" >"$PLACE/units"
    cp "$WARREN_COUNTS" "$PLACE/after"
    python3 - "$PLACE/before" "$PLACE/after" "$PLACE/units" "$(unit_of "$kind")" <<'PYTHON'
import struct, sys
before, after = (struct.unpack("7Q", open(path, "rb").read(56)) for path in sys.argv[1:3])
units = int(open(sys.argv[3]).read().split()[1])
if before[0] == 0:
    sys.exit("nothing was counted: is the binary linked statically?")
names = ("allocations", "frees", "retains and releases", "objects", "bytes asked for", "allocations of OpenSSL's", "bytes of those")
print(f"per {sys.argv[4]} ({units} of them): " + ", ".join(
    f"{(b - a) / units:.3f} {name}" for name, a, b in zip(names, before, after)))
PYTHON
done
