"""Unless more is said, a new connection goes to the target that has the fewest, however many each had before."""

import contextlib

from support import Server, Warren, echo, read_exactly, until


def named(name):
    """A target that says its name, and echoes."""
    def serve(end):
        end.sendall(name)
        echo(end)
    return serve


def run():
    with Server(named(b"1")) as one, Server(named(b"2")) as other, Warren(
            "-listen", "127.0.0.1:0", "-target", one.flag, "-target", other.flag) as warren, contextlib.ExitStack() as live:
        def connections(count):
            """So many new connections, one after the other, by the target that each got."""
            got = {b"1": [], b"2": []}
            for _ in range(count):
                client = live.enter_context(warren.connect())
                got[read_exactly(client, 1)].append(client)
            return got

        def shares(count):
            return [len(clients) for clients in connections(count).values()]

        first = connections(20)
        assert len(first[b"1"]) == len(first[b"2"]) == 10, f"equal targets have unequal shares: {first}"
        # One keeps its ten; the other's are over, and it has had as many as the first.
        for client in first[b"2"]:
            client.close()
        until(lambda: warren.counters()["live"] == 10, "the connections of one target are over")
        new = shares(10)
        assert new == [0, 10], f"new connections of a target that has ten, and of one that has none: {new}"
        new = shares(10)
        assert new == [5, 5], f"equal targets have unequal shares: {new}"
