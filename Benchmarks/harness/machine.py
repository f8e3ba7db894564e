"""What the figures were taken on, and what this machine allows."""

import os
import platform
import resource
import subprocess
from pathlib import Path


def descriptors():
    """How many files a process may open, raised to the hard limit for us and all we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = int(Path("/proc/sys/fs/nr_open").read_text())
    wanted = ceiling if hard == resource.RLIM_INFINITY else hard
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def facts(repository):
    """Machine, system and commit."""
    def git(*words):
        try:
            done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, text=True)
        except OSError:
            # Without git, or from an archive, the commit is unknown.
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    flags = Path("/proc/cpuinfo").read_text()
    # One core's word is every core's.
    memory = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    system = ""
    if Path("/etc/os-release").exists():
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                system = line.split("=", 1)[1].strip('"')
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "vaes": " vaes" in flags,
        "memory_bytes": memory,
        "kernel": platform.release(),
        "system": system,
        "descriptors": descriptors(),
        "commit": git("rev-parse", "HEAD"),
        "modified": bool(git("status", "--porcelain", "--untracked-files=no")),
        "load_before": os.getloadavg()[0],
    }
