"""A reset is passed on as a reset, not as an end; what was sent before it is delivered."""

import socket
import threading

from support import Server, Warren, payload, reset, until, was_reset


def run():
    seen = {}
    done = threading.Event()

    def serve(end):
        data = bytearray()
        try:
            while piece := end.recv(65536):
                data += piece
            seen["end"] = "in order"
        except ConnectionResetError:
            seen["end"] = "reset"
        seen["data"] = bytes(data)
        done.set()

    for splice in ("auto", "never"):
        done.clear()
        with Server(serve) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice, "-log-level", "debug") as warren:
            client = warren.connect()
            client.sendall(payload(100_000))
            until(lambda: warren.counters()["bytes_forward"] == 100_000, "100,000 bytes are relayed")
            reset(client)
            assert done.wait(10), "the target never heard of the client's end"
            assert seen["end"] == "reset", seen["end"]
            assert seen["data"] == payload(100_000), "bytes sent before the reset were lost"
            warren.says("ending=client-reset")
            counters = warren.counters()
            assert counters["broken"] == 1 and counters["live"] == 0, counters
