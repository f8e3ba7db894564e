#!/usr/bin/env python3
"""Turns `perf script -F comm,ip,sym,dso` on standard input into one line a stack, root first: "a;b;c 12".

With --self it reads such lines back and prints which functions were at the top, in percent.
"""

import collections
import re
import sys

FRAME = re.compile(r"^\s+([0-9a-f]+)\s+(.*?)(?:\s+\(([^()]*)\))?$")


def stacks(lines):
    comm, frames = None, []
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if comm and frames:
                yield [comm] + frames[::-1]
            comm, frames = None, []
        elif line[0] not in " \t":
            comm = line.split()[0].rstrip(":")
        else:
            found = FRAME.match(line)
            if found:
                name, place = found.group(2), found.group(3) or ""
                if name in ("", "[unknown]"):
                    name = "[" + place.rsplit("/", 1)[-1] + "]" if place else "[unknown]"
                name = re.sub(r"\+0x[0-9a-f]+$", "", name)
                if "kernel" in place or place == "[kernel.kallsyms]":
                    name += "_[k]"
                frames.append(name.replace(";", ","))
    if comm and frames:
        yield [comm] + frames[::-1]


def main():
    if sys.argv[1:] == ["--self"]:
        tops, total = collections.Counter(), 0
        for line in sys.stdin:
            stack, _, count = line.rstrip("\n").rpartition(" ")
            tops[stack.rsplit(";", 1)[-1]] += int(count)
            total += int(count)
        for name, count in tops.most_common(20):
            print(f"{100 * count / total:6.1f} %  {name}")
        return
    for stack, count in sorted(collections.Counter(map(tuple, stacks(sys.stdin))).items()):
        print(";".join(stack), count)


if __name__ == "__main__":
    main()
