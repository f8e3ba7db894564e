"""One of three applications stops behind a kernel that accepts for it: but for those it holds no connection fails, and it is
back soon after it goes on; by the relay, and by a caller's sidecar whose peer's sidecar lives."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import agents
from support import Crew, Warren, folder, free_port, program_state, until

CLIENTS = 64

# Answers one question on each connection, and closes when its client does, as programs do.
PROGRAM = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
def serve(end):
    with end:
        if end.recv(100):
            end.sendall(sys.argv[2].encode())
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Load(Crew):
    """Clients that ask a question on a connection of their own, about 300 a second; notes who answered, and who did not."""

    def __init__(self, address):
        super().__init__(CLIENTS)
        self.address = address
        self.answers = []
        self.unanswered = []
        self.lock = threading.Lock()

    def work(self):
        while not self.ends:
            begun = time.monotonic()
            answer = b""
            with contextlib.suppress(OSError), socket.create_connection(self.address, 3) as end:
                end.settimeout(3)
                end.sendall(b"who")
                answer = end.recv(10)
            with self.lock:
                (self.answers if answer else self.unanswered).append((begun, answer))
            time.sleep(0.2)

    def since(self, moment, answer):
        with self.lock:
            return sum(1 for begun, one in self.answers if begun > moment and one == answer)


@contextlib.contextmanager
def programs():
    found, ports = {}, {}
    try:
        for word in ("one", "two", "three"):
            ports[word] = free_port()
            found[word] = subprocess.Popen([sys.executable, "-c", PROGRAM, str(ports[word]), word])
        for port in ports.values():
            until(lambda: answers(port), "a program listens")
        yield found, ports
    finally:
        for process in found.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as end:
        end.sendall(b"who")
        return end.recv(10)
    return None


def check(address, victim, counters, lines):
    with Load(address) as load:
        until(lambda: all(load.since(0, word) > 30 for word in (b"one", b"two", b"three")), "all three are used")
        victim.send_signal(signal.SIGSTOP)
        until(lambda: program_state(victim.pid) == "T", "the program is stopped")
        stopped = time.monotonic()
        until(lambda: counters().get("ejections_by_silence", 0) == 1, "the stopped one rests", 5)
        # Those of the first moments are held; from then on none is lost, though it stays so for longer than a rest.
        rested = time.monotonic()
        time.sleep(4)
        held = [begun for begun, _ in load.unanswered]
        assert all(begun < rested for begun in held), f"{len(held)} lost, {max(held) - rested:.1f} s after it rested"
        assert len(held) <= CLIENTS / 2, f"{len(held)} connections were lost"
        victim.send_signal(signal.SIGCONT)
        gone_on = time.monotonic()
        until(lambda: load.since(gone_on, b"three") > 30, "the program that goes on is used again", 5)
        print(f"{len(held)} connections held; rested after {rested - stopped:.2f} s; "
              f"in full use {time.monotonic() - gone_on:.2f} s after it went on")
        assert not [begun for begun, _ in load.unanswered if begun > gone_on]
    assert lines("instance rests until it ends an empty connection"), "the log does not say why"
    assert lines("instance is back"), "the log does not say that it is back"


def relayed():
    with programs() as (found, ports), Warren(
            *["-listen", "127.0.0.1:0", "-balance", "random"],
            *[word for port in ports.values() for word in ("-target", f"127.0.0.1:{port}")]) as warren:
        check(warren.address(), found["three"], warren.counters, warren.matching)
        # Our own empty connections are no clients.
        counters = warren.counters()
        assert counters["inquiries"] >= 2 and counters["live"] == 0, counters


def meshed():
    with folder() as path, programs() as (found, ports):
        local = free_port()
        files = {f"{word}.json": agents.service("web", port, id=f"web-{word}") for word, port in ports.items()}
        files["caller.json"] = agents.service("caller", free_port(), [("web", local)])
        with agents.Agent(path, files) as agent:
            until(lambda: len(agent.get("/v1/health/connect/web?passing=1")) == 3, "all three are well")
            until(lambda: answers(local), "the upstream is served")

            def counters():
                line = next(line for line in agent.report("caller-proxy") if ": counters: " in line)
                return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", line)}

            check(("127.0.0.1", local), found["three"], counters,
                  lambda words: [line for line in agent.logs("caller-proxy") if words in line])


def run():
    relayed()
    meshed()

