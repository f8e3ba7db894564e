"""-access-log: a line for each connection, to a file or standard output, in text and in JSON."""

import json
import os
import re
import socket

from support import Server, Warren, echo, folder, until


def run():
    def once(warren):
        with warren.connect() as client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
            return "%s:%d" % client.getsockname()

    with folder() as place, Server(echo) as server:
        path = os.path.join(place, "access.log")
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-access-log", path) as warren:
            name = once(warren)
            until(lambda: os.path.getsize(path), "a line in the file")
            warren.terminate()
            assert warren.ends() == 0
        line = open(path).read()
        assert line.count("\n") == 1
        for part in (f"client={name}", f"target={server.flag}", "ending=complete", "ended_by=client", "path=copy/copy", "error=-", "bytes_forward=5",
                     "bytes_backward=5", "bytes_spliced=0", "attempts=1"):
            assert f" {part}" in line, (part, line)
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[INFO\]  access: connection: ", line), line
        assert re.search(r"duration_us=[1-9]\d*", line) and os.stat(path).st_mode & 0o777 == 0o640
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-access-log", "-", "-log-json") as warren:
            name = once(warren)
            until(lambda: warren.output, "a line on standard output")
            row = json.loads(warren.output[0])
            assert row["client"] == name and row["ending"] == "complete" and row["bytes_forward"] == 5, row
            assert row["@module"] == "access" and row["route"], row
        # Appended to, not written over.
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-access-log", path) as warren:
            once(warren)
            until(lambda: open(path).read().count("\n") == 2, "a second line")
