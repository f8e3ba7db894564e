"""-max-connections: those beyond wait in the kernel's queue and are served as soon as there is room."""

import time

from support import Server, Warren, echo


def run():
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-max-connections", "3") as warren:
        clients = [warren.connect() for _ in range(6)]
        for client in clients:
            client.sendall(b"hello")
        for client in clients[:3]:
            assert client.recv(5) == b"hello"
        time.sleep(0.3)
        counters = warren.counters()
        assert counters["live"] == 3 and counters["accepted"] == 3, counters
        cpu = warren.cpu_seconds()
        time.sleep(0.5)
        assert warren.cpu_seconds() - cpu < 0.1, "the loop spins while clients wait"
        for index in range(3):
            clients[index].close()
            assert clients[index + 3].recv(5) == b"hello", "a waiting client was not served"
        assert warren.counters()["accepted"] == 6
        for client in clients[3:]:
            client.close()
