"""Peers that go without a word: a killed client process, a target killed in the middle, an idle connection given up."""

import os
import signal
import socket
import subprocess
import sys
import time

from support import Server, Warren, echo, payload, until, was_reset


def run():
    script = (
        "import socket, sys, time\n"
        "end = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "end.sendall(b'x' * 1000000)\n"
        "time.sleep(100)\n")
    silent = []

    def serve(end):
        silent.append(end)
        time.sleep(60)

    with Server(serve) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
        host, port = warren.address()
        child = subprocess.Popen([sys.executable, "-c", script, host, str(port)])
        try:
            until(lambda: warren.counters()["bytes_forward"] > 0, "the child's bytes come")
        finally:
            child.kill()
            child.wait()
        # The kernel ends the child's socket in order; the target has not read and so is still there.
        until(lambda: silent, "the target has the connection")
        silent[0].close()
        until(lambda: warren.counters()["live"] == 0, "the connection is over")
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-idle-timeout", "400ms") as warren:
        with warren.connect() as client:
            for _ in range(5):
                client.sendall(b"x")
                assert client.recv(1) == b"x"
                time.sleep(0.2)
            begin = time.monotonic()
            assert was_reset(client), "an idle connection ended in order"
            took = time.monotonic() - begin
            assert 0.15 < took < 1.5, f"given up {took:.2f} s after the last byte"
        warren.terminate()
        assert warren.ends() == 0
        assert "timeouts=1" in warren.text(), warren.text()
