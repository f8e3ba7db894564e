"""EMFILE: clients beyond are reset at once instead of waiting for ever; the loop does not spin, and recovers."""

import os
import resource
import socket
import time

from support import Server, Warren, echo, until


def run():
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-max-connections", "100") as warren:
        # The limit is lowered behind its back: room for about ten connections more.
        limit = warren.descriptors() + 20
        resource.prlimit(warren.pid, resource.RLIMIT_NOFILE, (limit, limit))
        clients, served = [], []
        shed = 0
        for _ in range(30):
            try:
                clients.append(warren.connect())
            except ConnectionResetError:
                # Turned away before connect(2) had returned.
                shed += 1
        for client in clients:
            try:
                client.sendall(b"hello")
                if client.recv(5) == b"hello":
                    served.append(client)
                    continue
            except (ConnectionResetError, BrokenPipeError):
                pass
            shed += 1
        assert 5 <= len(served) <= 12 and shed == 30 - len(served), f"{len(served)} served, {shed} turned away"
        cpu = warren.cpu_seconds()
        time.sleep(0.5)
        assert warren.cpu_seconds() - cpu < 0.1, "the loop spins with a full table"
        assert warren.matching("Too many open files"), warren.text()
        for client in served:
            client.sendall(b"again")
            assert client.recv(5) == b"again", "a served connection suffers"
        for client in clients:
            client.close()
        until(lambda: warren.counters()["live"] == 0, "all connections are over")
        resource.prlimit(warren.pid, resource.RLIMIT_NOFILE, (limit, limit + 0))
        time.sleep(0.3)
        with warren.connect() as client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello", "it does not recover"
        assert warren.counters()["shed"] + warren.counters()["dial_failures"] >= shed
