"""A connection's two descriptors are registered once, when it begins: no block that it relays, and no end, makes an epoll_ctl."""

import socket

from call_journal import call_journal
from support import Server, Warren, echo, payload, read_all, read_exactly, until


def registrations(calls):
    return sum(call.kind == "epoll_ctl" for call in calls)


def run():
    for splice in ("auto", "never", "always"):
        with call_journal() as journal, Server(echo) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice,
                environment=journal.environment) as warren:
            for _ in range(3):
                begin = journal.count()
                with warren.connect() as client:
                    assert exchanged(client, 100)
                    set_up = journal.since(begin)
                    assert registrations(set_up) == 2, set_up
                    begin = journal.count()
                    for size in (1, 100, 10_000, 300_000, 3_000_000, 100):
                        for _ in range(10):
                            assert exchanged(client, size), f"other bytes came back of {size}"
                    # A slow reader, so that both sides wait for room as well.
                    data = payload(8 << 20)
                    client.settimeout(0.3)
                    sent = 0
                    try:
                        while sent < len(data):
                            sent += client.send(data[sent:sent + 65536])
                    except TimeoutError:
                        pass
                    client.settimeout(20)
                    assert read_exactly(client, sent) == data[:sent]
                    client.shutdown(socket.SHUT_WR)
                    assert read_all(client) == b""
                    until(lambda: warren.counters()["live"] == 0, "the connection is over")
                calls = journal.since(begin)
                moved = sum(call.kind in ("recv", "splice") and call.result > 0 for call in calls)
                assert moved > 120, f"{moved} blocks"
                assert registrations(calls) == 0, f"{registrations(calls)} epoll_ctl calls for {moved} blocks"
                print(f"-splice {splice}: {moved} reads that brought something, no epoll_ctl")


def exchanged(client, size):
    data = payload(size, seed=size)
    # The echo's way back fills up unless it is read meanwhile.
    for begin in range(0, size, 65536):
        piece = data[begin:begin + 65536]
        client.sendall(piece)
        if read_exactly(client, len(piece)) != piece:
            return False
    return True
