"""TCP's urgent byte stops recv(2) short and splice(2) for good; the bytes around it arrive all the same."""

import socket
import threading
import time

from support import Server, Warren, payload, until


def run():
    for splice in ("never", "always", "auto"):
        for size in (3, 400_000):
            heard = bytearray()
            ended = threading.Event()

            def serve(end):
                while piece := end.recv(65536):
                    heard.extend(piece)
                ended.set()

            with Server(serve) as server, Warren(
                    "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
                for ends_at_once in (False, True):
                    heard.clear()
                    ended.clear()
                    first, second = payload(size, seed=1), payload(size, seed=2)
                    with warren.connect() as client:
                        client.sendall(first)
                        client.send(b"!", socket.MSG_OOB)
                        client.sendall(second)
                        if ends_at_once:
                            client.shutdown(socket.SHUT_WR)
                            assert ended.wait(5), f"no end, -splice {splice}, {len(heard)} bytes heard"
                        else:
                            until(lambda: len(heard) >= 2 * size,
                                  f"both halves, -splice {splice}: {len(heard)} of {2 * size}", 5)
                        rest = bytes(heard)
                        assert rest in (first + second, first + b"!" + second), f"{len(rest)} bytes, -splice {splice}"
                        client.shutdown(socket.SHUT_WR) if not ends_at_once else None
                        assert ended.wait(5)
