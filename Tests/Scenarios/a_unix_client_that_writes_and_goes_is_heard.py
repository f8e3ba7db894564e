"""Fire and forget over a unix socket: all is delivered though the client is gone before the target answered."""

import os
import threading

from support import Server, Warren, folder, payload, read_all, until


def run():
    heard = []

    def serve(end):
        with end:
            heard.append(read_all(end))

    with folder() as place, Server(serve) as server, Warren(
            "-listen", "unix:" + os.path.join(place, "s"), "-target", server.flag) as warren:
        for number in range(50):
            with warren.connect() as client:
                client.sendall(payload(5000, seed=number))
        until(lambda: len(heard) == 50, f"50 messages arrive; {len(heard)} did:\n{warren.text()[-2000:]}", 10)
        assert sorted(heard) == sorted(payload(5000, seed=number) for number in range(50))
