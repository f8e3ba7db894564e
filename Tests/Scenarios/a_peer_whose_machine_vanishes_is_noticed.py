"""A machine that goes without FIN or RST, its packets dropped: the kernel's probes notice, on either leg; 0 never asks.

The other machine is a network namespace behind a veth pair; it vanishes by a rule that drops all it receives.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

from support import Server, Warren, connect, echo, payload, skip, until

HERE, THERE = "198.18.77.1", "198.18.77.2"

PEER = """
import socket, sys, threading
def serve(end):
    while data := end.recv(65536):
        end.sendall(data)
if sys.argv[1] == "serve":
    with socket.create_server((sys.argv[2], int(sys.argv[3]))) as listener:
        print("ready", flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
else:
    ends = [socket.create_connection((sys.argv[2], int(sys.argv[3]))) for _ in range(3)]
    for end in ends:
        end.sendall(b"hello")
        assert end.recv(5) == b"hello"
    print("ready", flush=True)
    sys.stdin.read()
"""


def command(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, timeout=20)


class Machine:
    """Another machine, as far as TCP can tell."""

    def __init__(self):
        self.name = f"warren-{os.getpid()}"
        self.link = f"wv{os.getpid() % 1000000}"
        self.processes = []

    def __enter__(self):
        for words in (
                ("ip", "netns", "add", self.name),
                ("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name),
                ("ip", "addr", "add", HERE + "/30", "dev", self.link), ("ip", "link", "set", self.link, "up"),
                ("ip", "-n", self.name, "addr", "add", THERE + "/30", "dev", "eth0"),
                ("ip", "-n", self.name, "link", "set", "eth0", "up"), ("ip", "-n", self.name, "link", "set", "lo", "up")):
            done = command(*words)
            if done.returncode:
                said = done.stderr.decode().strip()
                self.__exit__()
                skip(f"{' '.join(words)}: {said}")
        return self

    def run(self, *words):
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", PEER, *map(str, words)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.processes.append(process)
        assert process.stdout.readline() == b"ready\n", f"the peer does not start: {words}"

    def vanish(self):
        """Everything sent to it, and all it says, is gone without a word."""
        for rule in ("add table inet gone", "add chain inet gone in { type filter hook input priority 0; policy drop; }",
                     "add chain inet gone out { type filter hook output priority 0; policy drop; }"):
            done = command("ip", "netns", "exec", self.name, "nft", rule)
            assert done.returncode == 0, done.stderr

    def come_back(self):
        assert command("ip", "netns", "exec", self.name, "nft", "delete table inet gone").returncode == 0

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            command("ip", "netns", "del", self.name)
            command("ip", "link", "del", self.link)


def clients_vanish(machine):
    """Idle clients: probes. One that never asks keeps them."""
    with Server(echo) as server:
        with Warren("-listen", f"{HERE}:0", "-target", server.flag, "-keepalive", "1s", "-access-log", "-") as watching, \
                Warren("-listen", f"{HERE}:0", "-target", server.flag, "-keepalive", "0") as trusting:
            for warren in (watching, trusting):
                machine.run("call", *warren.address())
                assert warren.counters()["live"] == 3
            machine.vanish()
            try:
                until(lambda: watching.counters()["live"] == 0, "vanished clients are noticed")
                assert len(watching.output) == 3
                for line in watching.output:
                    assert "ending=client-reset" in line and "ended_by=client" in line and "timed out" in line, line
                assert trusting.counters()["live"] == 3, "-keepalive 0 asked"
            finally:
                machine.come_back()


def target_vanishes(machine):
    """A target that owes acknowledgements: -user-timeout. The client learns by a reset."""
    machine.run("serve", THERE, 7)
    with Warren("-listen", "127.0.0.1:0", "-target", f"{THERE}:7", "-user-timeout", "1500ms", "-access-log", "-") as warren:
        with warren.connect() as client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
            machine.vanish()
            try:
                client.sendall(payload(10_000))
                begin = time.monotonic()
                try:
                    heard = client.recv(1)
                except ConnectionResetError:
                    heard = "reset"
                assert heard == "reset" and time.monotonic() - begin < 15, heard
                line = until(lambda: list(warren.output), "the farewell")[0]
                assert "ending=target-reset" in line and "ended_by=target" in line and "timed out" in line, line
            finally:
                machine.come_back()


def run():
    if os.getuid() != 0 or not shutil.which("ip") or not shutil.which("nft"):
        skip("a second machine needs root, ip and nft")
    with Machine() as machine:
        clients_vanish(machine)
        target_vanishes(machine)
