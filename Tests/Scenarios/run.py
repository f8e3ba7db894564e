#!/usr/bin/env python3
"""Runs scenarios, each in a process of its own: run.py [--full] [--jobs N] [--list] [NAME...]

A NAME is part of a file's name, those in tunnel/ included. --full takes the long counts (100,000 connections and the like). A
scenario whose peer program is missing says so and is skipped. The last line says "N passed, N failed"; the status is 1 when
one failed.
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
FOLDERS = (HERE, HERE / "tunnel")
HELPERS = {"run", "support", "tunnel_support", "peers"}
# What a scenario ends with when a program that it needs is missing here.
SKIPPED = 77


def child(path):
    sys.path[:0] = [str(pathlib.Path(path).parent), str(HERE)]
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
    skipped = process.returncode == SKIPPED
    return path.stem, fault, skipped, output.decode("utf-8", "replace"), time.monotonic() - begin


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
        path for folder in FOLDERS for path in sorted(folder.glob("*.py"))
        if path.stem not in HELPERS and (not given.names or any(name in path.stem for name in given.names))]
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
    failed = left_out = 0
    with concurrent.futures.ThreadPoolExecutor(max(1, given.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, path, deadline) for path in chosen]):
            name, fault, skipped, output, seconds = done.result()
            left_out += skipped
            word = "FAILED" if fault else "skipped" if skipped else "passed"
            print(f"{word}  {name}  ({seconds:.1f} s)", flush=True)
            if fault:
                failed += 1
                print(f"    {fault}\n    " + output.strip().replace("\n", "\n    "), flush=True)
            elif output.strip():
                print("    " + output.strip().replace("\n", "\n    "), flush=True)
    skips = f", {left_out} skipped" if left_out else ""
    print(f"{len(chosen) - failed - left_out} passed, {failed} failed{skips}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
