"""SIGTERM: no new connections, the old ones finish, status 0; at the deadline, or with a second SIGTERM, the rest is reset."""

import time

from support import Server, Warren, echo, payload, read_exactly, until, was_reset


def run():
    with Server(echo) as server:
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
            address = warren.address()
            with warren.connect() as client:
                client.sendall(b"before")
                assert read_exactly(client, 6) == b"before"
                warren.terminate()
                warren.says("draining")
                until(lambda: not reachable(address), "the listener is closed")
                data = payload(300_000)
                for at in range(0, len(data), 50_000):
                    client.sendall(data[at:at + 50_000])
                    assert read_exactly(client, 50_000) == data[at:at + 50_000]
                assert warren.process.poll() is None
            assert warren.ends() == 0
            line = warren.says("ended")
            assert "accepted=" in line and "live=0" in line, line
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-drain-timeout", "500ms") as warren:
            with warren.connect() as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
                begin = time.monotonic()
                warren.terminate()
                assert was_reset(client)
                took = time.monotonic() - begin
                assert 0.4 < took < 3, f"drained for {took:.2f} s"
            assert warren.ends() == 0
            assert warren.matching("ending=drained")
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
            with warren.connect() as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
                warren.terminate()
                warren.says("draining")
                begin = time.monotonic()
                warren.terminate()
                assert was_reset(client)
                assert time.monotonic() - begin < 2
            assert warren.ends() == 0
        for words in ([], ["-workers", "2"]):
            with Warren("-listen", "127.0.0.1:0", "-target", server.flag, *words) as warren:
                warren.terminate()
                assert warren.ends(5) == 0


def reachable(address):
    import socket
    try:
        socket.create_connection(address, 1).close()
        return True
    except ConnectionRefusedError:
        return False
