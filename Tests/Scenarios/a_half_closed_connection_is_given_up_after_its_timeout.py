"""half-close-timeout: once one side has ended, the other has so long between two bytes, and every byte counts."""

import socket
import threading
import time

from support import Server, Warren, was_reset


def run():
    def drip(end):
        while end.recv(100):
            pass
        for _ in range(6):
            time.sleep(0.2)
            end.sendall(b"x")
        time.sleep(3)

    with Server(drip) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-half-close-timeout", "500ms", "-idle-timeout", "10s"
    ) as warren:
        with warren.connect() as client:
            client.shutdown(socket.SHUT_WR)
            for _ in range(6):
                assert client.recv(1) == b"x", "given up though bytes came"
            begin = time.monotonic()
            assert was_reset(client)
            assert 0.3 < time.monotonic() - begin < 2
        assert "error" in warren.says("ending=half-close-timeout")
