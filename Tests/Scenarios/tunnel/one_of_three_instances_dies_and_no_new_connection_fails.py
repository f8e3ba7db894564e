"""One of three instances is killed, stopped or refuses, under 64 connections at a time: but for those it held, none fails."""

import contextlib
import signal
import threading
import time

from support import Crew, program_state
from tunnel_support import (
    Realm, Server, connect, echo, flag, folder, free_port, scenario, tunnel_client, tunnel_server, until)

CLIENTS = 64


class Load(Crew):
    """Clients that connect, have one word echoed and close, over and over; notes when each failed connection began."""

    def __init__(self, address):
        super().__init__(CLIENTS)
        self.address = address
        self.served = 0
        self.failures = []
        self.lock = threading.Lock()

    def work(self):
        while not self.ends:
            begun = time.monotonic()
            try:
                with connect(self.address, timeout=5) as end:
                    end.sendall(b"word")
                    assert end.recv(4) == b"word", "the echo is another"
                with self.lock:
                    self.served += 1
            except (OSError, AssertionError) as fault:
                with self.lock:
                    self.failures.append((begun, fault))

    def goes_on(self, count):
        goal = self.served + count
        until(lambda: self.served >= goal, f"{count} more connections are served", 30)


def kill(instance):
    instance.process.kill()
    instance.process.wait()


def stop(instance):
    instance.process.send_signal(signal.SIGSTOP)
    until(lambda: program_state(instance.pid) == "T", "the instance is stopped")


def check(realm, target, word, strike):
    with contextlib.ExitStack() as stack:
        instances = [stack.enter_context(tunnel_server(realm, target)) for _ in range(3)]
        words = []
        for instance in instances[1:]:
            words += ["-target", flag(instance.address())]
        client = stack.enter_context(tunnel_client(
            realm, flag(instances[0].address()), *words, "-connect-timeout", "500ms", "-balance", "least_request"))
        with Load(client.address()) as load:
            load.goes_on(200)
            strike(instances[0])
            struck = time.monotonic()
            load.goes_on(1500)
        late = [(begun - struck, fault) for begun, fault in load.failures if begun > struck]
        counters = client.counters()
        assert not late, f"{word}: {len(late)} connections failed that began afterwards: {late[:3]}"
        assert len(load.failures) <= CLIENTS, f"{word}: more failed than it can have held: {load.failures[:3]}"
        assert counters["ejections"] >= 1 and counters["retries"] >= 1, counters
        print(f"{word}: {load.served} served, {len(load.failures)} held by the dead, then none failed; "
              f"{counters['retries']} retries, {counters['ejections']} ejections")
        instances[0].process.send_signal(signal.SIGCONT)


def refusing(realm, target):
    """One target refuses from the start."""
    with tunnel_server(realm, target) as one, tunnel_server(realm, target) as two, tunnel_client(
            realm, f"127.0.0.1:{free_port()}", "-target", flag(one.address()), "-target", flag(two.address()),
            "-balance", "round_robin") as client:
        with Load(client.address()) as load:
            load.goes_on(1000)
        assert not load.failures, load.failures[:3]
        counters = client.counters()
        assert counters["ejections"] >= 1 and counters["retries"] == counters["dial_failures"] >= 1, counters


def run():
    with folder() as place, Server(echo) as server:
        realm = Realm(place)
        check(realm, server.flag, "killed", kill)
        check(realm, server.flag, "stopped", stop)
        refusing(realm, server.flag)


if __name__ == "__main__":
    scenario(run)
