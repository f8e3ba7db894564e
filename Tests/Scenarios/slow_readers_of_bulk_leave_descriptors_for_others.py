"""Spliced streams that stall keep their pipes; there are only so many, and new connections still get in."""

import time

from support import Server, Warren, many_descriptors, payload, until


def run():
    many_descriptors()
    stalled = 300

    def serve(end):
        if end.recv(1) == b"e":
            end.sendall(b"e")
        else:
            time.sleep(60)

    # Room for the connections and 60 pipes; 300 stalled streams would like 300.
    limit = (stalled + 50) * 2 + 64 + 128
    with Server(serve) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", "always", "-max-connections", stalled + 50,
            limit=(limit, limit)) as warren:
        clients = []
        data = b"s" + payload(64 << 10) * 60
        for _ in range(stalled):
            client = warren.connect()
            client.setblocking(False)
            clients.append(client)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            moved = 0
            for client in clients:
                try:
                    moved += client.send(data)
                except BlockingIOError:
                    pass
            if not moved:
                break
            time.sleep(0.05)
        time.sleep(0.5)
        assert warren.pipes() <= 2 * 60 + 8, f"{warren.pipes()} descriptors of pipes"
        for _ in range(40):
            with warren.connect() as client:
                client.sendall(b"e")
                assert client.recv(1) == b"e", "a new connection is not served"
        counters = warren.counters()
        assert counters["shed"] == 0 and counters["dial_failures"] == 0, counters
        for client in clients:
            client.close()
