"""1-byte writes go through one by one, each without waiting for the next."""

import time

from support import Server, Warren, echo


def run():
    for splice in ("auto", "always"):
        with Server(echo) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            with warren.connect() as client:
                slowest = 0
                for number in range(2000):
                    begin = time.monotonic()
                    client.sendall(bytes([number % 256]))
                    assert client.recv(10) == bytes([number % 256])
                    slowest = max(slowest, time.monotonic() - begin)
                assert slowest < 0.5, f"a byte took {slowest:.3f} s"
