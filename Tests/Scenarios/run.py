#!/usr/bin/env python3
"""Runs scenarios, each in a process of its own: run.py [--full] [--jobs N] [--list] [NAME...]

A scenario is a file here or in a folder below that defines run(); a NAME is part of its path. --full takes the long counts
(100,000 connections and the like). A scenario that needs a program which is not there ends with status 77 and is told as
skipped. The last line says "N passed, N failed"; the status is 1 when one failed.
"""

import argparse
import concurrent.futures
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77


def child(path):
    sys.path[:0] = [str(HERE), str(pathlib.Path(path).parent)]
    specification = importlib.util.spec_from_file_location("scenario", path)
    scenario = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(scenario)
    scenario.run()
    # Threads that a scenario left reading must not keep the process.
    sys.stdout.flush()
    os._exit(0)


def run(path, deadline):
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "run.py"), "--child", str(path)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=deadline)
        fault = None if process.returncode in (0, SKIPPED) else f"status {process.returncode}"
    except subprocess.TimeoutExpired:
        fault, output = f"not done after {deadline:.0f} s", b""
    finally:
        # The session is the scenario's own: whatever it started and lost ends with it.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if fault and not output:
        output, _ = process.communicate()
    return path.stem, fault, output.decode("utf-8", "replace"), time.monotonic() - begin, process.returncode == SKIPPED


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*")
    words.add_argument("--full", action="store_true")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--deadline", type=float)
    words.add_argument("--list", action="store_true")
    words.add_argument("--child", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.child:
        child(given.child)
    chosen = [
        path for path in sorted(HERE.rglob("*.py"))
        if path.name != "run.py" and "\ndef run():" in path.read_text()
        and (not given.names or any(name in str(path.relative_to(HERE)) for name in given.names))]
    if given.list:
        for path in chosen:
            print(path.stem)
        return 0
    if not chosen:
        print(f"no scenario is called like {given.names}", file=sys.stderr)
        return 1
    if given.full:
        os.environ["WARREN_FULL"] = "1"
    deadline = given.deadline or (900 if given.full else 300)
    failed = skipped = 0
    again = []
    with concurrent.futures.ThreadPoolExecutor(max(1, given.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, path, deadline) for path in chosen]):
            name, fault, output, seconds, is_skipped = done.result()
            skipped += is_skipped
            word = "FAILED" if fault else "skipped" if is_skipped else "passed"
            print(f"{word}  {name}  ({seconds:.1f} s)", flush=True)
            if fault:
                again.append(next(path for path in chosen if path.stem == name))
                print(f"    {fault}\n    " + output.strip().replace("\n", "\n    "), flush=True)
            elif output.strip():
                print("    " + output.strip().replace("\n", "\n    "), flush=True)
    # What failed beside others gets the machine to itself once: timing on a shared machine is told from a fault, and both
    # outcomes stand in the output.
    for path in again:
        name, fault, output, seconds, _ = run(path, deadline)
        failed += fault is not None
        print(f"{'FAILED again' if fault else 'passed alone'}  {name}  ({seconds:.1f} s)", flush=True)
        if fault:
            print(f"    {fault}\n    " + output.strip().replace("\n", "\n    "), flush=True)
    if skipped:
        print(f"{skipped} skipped for want of a program")
    print(f"{len(chosen) - failed - skipped} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
