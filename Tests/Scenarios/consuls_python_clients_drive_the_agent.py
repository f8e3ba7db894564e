"""py-consul (PyPI) and python3-consul (Debian) register, query, wait, report, deregister, and set intentions, as with Consul."""

import pathlib
import subprocess
import sys

import agents
from support import DEADLINE, ROOT, folder, skip

CLIENT = pathlib.Path(__file__).resolve().parent / "agents" / "python_client.py"


def interpreters():
    """By name, those that can import a client: the virtual environment's, this one, and Debian's own."""
    found = {}
    candidates = {
        "py-consul": [ROOT / ".build" / "peers" / "bin" / "python", sys.executable], "python3-consul": ["/usr/bin/python3"]}
    for name, paths in candidates.items():
        for path in paths:
            where = None
            if pathlib.Path(path).exists():
                # -I: neither this folder nor the user's modules.
                asked = subprocess.run(
                    [str(path), "-I", "-c", "import consul; print(consul.__file__)"], capture_output=True, text=True)
                where = asked.stdout.strip() if asked.returncode == 0 else None
            is_debians = where is not None and "/dist-packages/" in where
            if where and is_debians == (name == "python3-consul"):
                found[name] = str(path)
                break
    return found


def run():
    found = interpreters()
    for name in sorted({"py-consul", "python3-consul"} - set(found)):
        print(f"{name} is not there; script/peers installs it")
    if not found:
        skip("neither client is installed here")
    for name, python in found.items():
        with folder() as path, agents.Agent(path, {}) as agent:
            done = subprocess.run(
                [python, "-I", str(CLIENT), str(agent.http)], capture_output=True, text=True, timeout=3 * DEADLINE)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{agent.text()}"
            print(f"{name}: {done.stdout.strip()}")
            assert agent.process.poll() is None
