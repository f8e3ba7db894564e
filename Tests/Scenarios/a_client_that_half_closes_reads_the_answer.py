"""The client sends all, shuts down, and still reads the answer; and the same begun by the server."""

import socket

from support import Server, Warren, answer_after_end, digest, payload, read_all, read_exactly


def server_ends_first(end):
    with end:
        end.sendall(payload(300_000, seed=5))
        end.shutdown(socket.SHUT_WR)
        heard = read_all(end)
        assert heard == payload(500_000, seed=6), f"{len(heard)} bytes after the end was said"


def run():
    for splice in ("auto", "always", "never"):
        with Server(answer_after_end) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            for size in (0, 1, 70_000, 5_000_000):
                with warren.connect() as client:
                    data = payload(size)
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    assert read_all(client).decode() == digest(data), f"{size} bytes, -splice {splice}"
        with Server(server_ends_first) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            with warren.connect() as client:
                assert read_exactly(client, 300_000) == payload(300_000, seed=5)
                assert client.recv(1) == b""
                client.sendall(payload(500_000, seed=6))
                client.shutdown(socket.SHUT_WR)
            warren.terminate()
            assert warren.ends() == 0
