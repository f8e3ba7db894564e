"""An idle timeout past the timer wheel's horizon neither fires nor stops the loop."""

import time

from support import Server, Warren, echo


def run():
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-idle-timeout", "100000h") as warren:
        for _ in range(3):
            with warren.connect(timeout=5) as client:
                client.sendall(b"hello")
                assert client.recv(5) == b"hello"
                time.sleep(0.2)
                cpu = warren.cpu_seconds()
                time.sleep(0.3)
                assert warren.cpu_seconds() - cpu < 0.1, "the loop spins"
                client.sendall(b"again")
                assert client.recv(5) == b"again"
