"""A side that has said its end and is reset afterwards has broken: the other side is told at once, not after a timeout."""

import socket
import time

from support import Server, Warren, reset, until


def run():
    for splice in ("auto", "never", "always"):
        def target(end):
            end.shutdown(socket.SHUT_WR)
            time.sleep(0.3)
            reset(end)

        with Server(target) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            with warren.connect() as client:
                assert client.recv(1) == b"", "the target's end did not arrive"
                begin = time.monotonic()
                until(lambda: broken(client), "the client hears of the target's reset", 10)
                assert time.monotonic() - begin < 5, splice

        heard = []

        def waiting(end):
            assert end.recv(1) == b""
            until(lambda: broken(end), "the target hears of the client's reset", 10)
            heard.append(True)

        with Server(waiting) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            with warren.connect() as client:
                client.shutdown(socket.SHUT_WR)
                time.sleep(0.3)
                reset(client)
                until(lambda: heard, f"the target heard of the client's reset, {splice}", 5)


def broken(end):
    """Whether a socket whose peer has said its end was reset behind it."""
    return end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
