"""Of three instances in the mesh, one's application is killed, or refuses, or stops, under 64 connections at a time. Its sidecar
lives and says of each connection that nobody is there, so that the caller's sidecar gives it to another instance: but for those
that the application held, none fails. One that is stopped still has its kernel accept for it: it holds what it was given until
it goes on, gets no more than the others have, and has its share again afterwards."""

import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import agents
from support import Crew, folder, free_port, program_state, until

CLIENTS = 64
# A process of its own, so that it can be killed and stopped: says its name to whoever says a word.
APPLICATION = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
def serve(end):
    with end:
        try:
            if end.recv(64):
                end.sendall(sys.argv[2].encode())
                end.recv(1)
        except OSError:
            pass
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Application:
    def __init__(self, name):
        self.name = name
        self.port = free_port()
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION, str(self.port), self.name], stdin=subprocess.DEVNULL)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def leave(self):
        self.process.terminate()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: program_state(self.process.pid) == "T", f"{self.name} is stopped")


class Load(Crew):
    """Clients that connect, say a word, hear a name and close, over and over."""

    def __init__(self, port):
        super().__init__(CLIENTS, patience=30)
        self.port = port
        self.names = {}
        self.failures = []
        self.lock = threading.Lock()

    def work(self):
        while not self.ends:
            begun = time.monotonic()
            name = said(self.port)
            with self.lock:
                if name:
                    self.names[name] = self.names.get(name, 0) + 1
                else:
                    self.failures.append(begun)
            if not name:
                time.sleep(0.01)

    def goes_on(self, count):
        def served():
            return sum(self.names.values())
        goal = served() + count
        until(lambda: served() >= goal, f"{count} more connections are served; {self.names}, {len(self.failures)}", 60)


def said(port):
    """The name that one connection hears, or None."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as end:
            end.sendall(b"word")
            return end.recv(64).decode() or None
    except OSError:
        return None


def is_back(load, name):
    before = load.names.get(name, 0)
    until(lambda: load.names.get(name, 0) > before, f"{name} has traffic again", 60)


def run():
    with folder() as path, contextlib.ExitStack() as stack:
        local = free_port()
        applications = [stack.enter_context(Application(f"app-{number}")) for number in (1, 2, 3)]
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)])}
        for one in applications:
            # No check: the agent goes on calling each instance healthy, and what keeps connections away is the sidecars'.
            files[f"{one.name}.json"] = agents.service("target", one.port, id=one.name)
        agent = stack.enter_context(agents.Agent(pathlib.Path(path), files))
        until(lambda: said(local), "an application answers")
        until(lambda: len(agent.get("/v1/health/connect/target?passing=1")) == 3, "three sidecars are well")
        with Load(local) as load:
            until(lambda: len(load.names) == 3, "every instance has traffic")
            load.goes_on(200)
            for number, word, strike in ((0, "killed", Application.kill), (1, "refusing", Application.leave)):
                before = len(load.failures)
                began = time.monotonic()
                strike(applications[number])
                struck = time.monotonic()
                load.goes_on(1000)
                # Those that had begun before and failed were held by the one that is gone.
                late = [begun - struck for begun in load.failures[before:] if begun > struck]
                held = len(load.failures) - before - len(late)
                assert not late, f"{word}: {len(late)} connections failed that began afterwards, at {late[:5]}"
                assert held <= CLIENTS, f"{word}: {held} failed, more than it can have held"
                print(f"{word} in {struck - began:.3f} s: {held} were held by it, then none failed")
                applications[number].start()
                is_back(load, applications[number].name)
            before = len(load.failures)
            applications[2].stop()
            load.goes_on(1000)
            assert len(load.failures) == before, "a connection failed though nobody was refused"
            applications[2].process.send_signal(signal.SIGCONT)
            is_back(load, applications[2].name)
            load.goes_on(200)
            assert len(load.failures) == before, "a connection failed though nobody was refused"
