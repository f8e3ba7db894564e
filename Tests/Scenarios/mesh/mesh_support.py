"""What the scenarios of protocols share: a mesh of one caller and one target, and real clients and servers."""

import contextlib
import glob
import os
import shutil
import subprocess
import sys

from agents import listens, mesh  # noqa: F401: for the scenarios beside
from support import DEADLINE, ROOT, until

SKIPPED = 77


def program(*names):
    """The path of the first of these programs that is there; without any the scenario is skipped."""
    for name in names:
        found = shutil.which(name) or next(iter(sorted(glob.glob(name), reverse=True)), None)
        if found:
            return found
    skip(f"none of {', '.join(names)} is installed: script/peers")


def module(name):
    """A Python module, this interpreter's or that of .build/peers; without it the scenario is skipped."""
    for path in glob.glob(str(ROOT / ".build/peers/lib/python3*/site-packages")):
        sys.path.append(path)
    try:
        return __import__(name)
    except ImportError:
        skip(f"the Python module {name} is not installed: script/peers")


def skip(reason):
    print(reason)
    sys.stdout.flush()
    os._exit(SKIPPED)


@contextlib.contextmanager
def running(*words, ready=None, **options):
    """A program that runs until the block ends; `ready` says when it can be used."""
    process = subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        **options)
    try:
        if ready:
            until(lambda: process.poll() is not None or ready(), f"{words[0]} is ready")
            assert process.poll() is None, f"{words[0]} ended with {process.returncode}"
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def output(*words, **options):
    """What a program says on standard output; it must succeed."""
    done = subprocess.run(
        [str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE * 2, **options)
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, f"{words[0]}: status {done.returncode}: {text}{done.stderr.decode('utf-8', 'replace')}"
    return text
