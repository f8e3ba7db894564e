"""SIGUSR1: one line of counters for each worker, one line for each live connection; with -log-json as JSON."""

import json
import signal

from support import Server, Warren, connect, echo, free_port, until


def is_served(address):
    try:
        connect(address).close()
        return True
    except ConnectionRefusedError:
        return False


def run():
    with Server(echo) as server:
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
            with warren.connect() as one, warren.connect() as two:
                for client in (one, two):
                    client.sendall(b"12345")
                    assert client.recv(5) == b"12345"
                counters, tunnels = warren.report()
                assert counters["live"] == 2 and counters["accepted"] == 2, counters
                assert counters["bytes_forward"] == 10 and counters["bytes_backward"] == 10, counters
                assert len(tunnels) == 2, warren.text()
                for tunnel in tunnels:
                    assert tunnel["forward"] == "5" and tunnel["held"] == "0" and tunnel["path"] == "copy/copy"
                    assert server.flag in tunnel["line"] and "relaying" in tunnel["line"]
                # One registration a descriptor: the listener, the mailbox and two for each connection.
                assert counters["loop_registrations"] == 6, counters
        # Whoever asks is answered, however quiet the log.
        port = free_port()
        with Warren("-listen", f"127.0.0.1:{port}", "-target", server.flag, "-log-level", "error", wait=False) as warren:
            until(lambda: is_served(("127.0.0.1", port)), "warren listens")
            with connect(("127.0.0.1", port)) as client:
                client.sendall(b"12345")
                assert client.recv(5) == b"12345"
                counters, tunnels = warren.report()
                assert counters["loop_wakeups"] >= 1 and len(tunnels) == 1, warren.text()
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-log-json") as warren:
            with warren.connect() as client:
                client.sendall(b"12345")
                assert client.recv(5) == b"12345"
                warren.process.send_signal(signal.SIGUSR1)
                until(lambda: warren.matching('"@message":"connection"'), "a line for the connection")
                lines = [json.loads(line) for line in warren.log]
                row = next(line for line in lines if line["@message"] == "counters")
                assert row["live"] == 1 and row["@level"] == "info" and row["worker"] == 0, row
