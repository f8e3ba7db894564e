"""-max-connections: those beyond wait in the kernel's queue and are served as soon as there is room, with any -workers."""

import select
import time

from support import Server, Warren, echo, until


def one_loop(server):
    with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-max-connections", "3") as warren:
        clients = [warren.connect() for _ in range(6)]
        for client in clients:
            client.sendall(b"hello")
        for client in clients[:3]:
            assert client.recv(5) == b"hello"
        time.sleep(0.3)
        counters = warren.counters()
        assert counters["live"] == 3 and counters["accepted"] == 3, counters
        stands_still(warren)
        for index in range(3):
            clients[index].close()
            assert clients[index + 3].recv(5) == b"hello", "a waiting client was not served"
        assert warren.counters()["accepted"] == 6
        for client in clients[3:]:
            client.close()


def stands_still(warren):
    cpu = warren.cpu_seconds()
    time.sleep(0.5)
    assert warren.cpu_seconds() - cpu < 0.1, "the loop spins while clients wait"


def two_loops(server):
    """The limit is the process's: never more, never fewer, whichever loop the kernel gave a client to; nobody starves."""
    limit, count = 5, 40
    with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-workers", "2", "-max-connections", limit) as warren:
        waiting = [warren.connect() for _ in range(count)]
        for client in waiting:
            client.sendall(b"hello")
        served = 0
        while waiting:
            ready = until(lambda: answered(waiting), f"somebody is served; {served} of {count} were")
            until(lambda: len(answered(waiting)) >= min(limit, len(waiting)), "every place is used")
            ready = answered(waiting)
            assert len(ready) <= limit, f"{len(ready)} connections at once"
            if served == 0:
                stands_still(warren)
            for client in ready:
                assert client.recv(5) == b"hello"
                client.close()
                waiting.remove(client)
                served += 1
        warren.terminate()
        assert warren.ends() == 0
        assert f"accepted={count} closed={count} live=0" in warren.says("ended"), warren.text()


def answered(clients):
    return select.select(clients, [], [], 0)[0]


def run():
    with Server(echo) as server:
        one_loop(server)
        two_loops(server)
