"""5,000 tunnels through two hops that say nothing: their memory a tunnel, each still carries bytes afterwards, and their memory
is given back when they have gone."""

import select
import socket
import threading
import time

from tunnel_support import Realm, connect, folder, many_descriptors, read_exactly, scenario, settled, skip, two_hops, until


class Crowd:
    """A target for many connections on one thread: a greeting, then an echo."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = self.listener.getsockname()
        self.ends = {}
        self.closing = False

    def __enter__(self):
        self.poll = select.epoll()
        self.poll.register(self.listener.fileno(), select.EPOLLIN)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while not self.closing:
            for number, _ in self.poll.poll(0.2, 256):
                if number == self.listener.fileno():
                    end, _ = self.listener.accept()
                    end.sendall(b"!")
                    self.ends[end.fileno()] = end
                    self.poll.register(end.fileno(), 1)
                    continue
                end = self.ends[number]
                try:
                    data = end.recv(4096)
                except ConnectionResetError:
                    data = b""
                if data:
                    end.sendall(data)
                else:
                    self.poll.unregister(number)
                    del self.ends[number]
                    end.close()

    def __exit__(self, *_):
        self.closing = True
        self.thread.join(5)
        self.listener.close()
        for end in self.ends.values():
            end.close()


def run():
    count = 5000
    if many_descriptors() < count * 2 + 200:
        skip(f"{count} tunnels need {count * 2 + 200} descriptors in this process: ulimit -n")
    for records in ("detached", "attached"):
        with folder() as place, Crowd() as target:
            realm = Realm(place)
            words = ("-records", records)
            with two_hops(realm, f"127.0.0.1:{target.address[1]}", words, words) as (outer, inner):
                # What the first tunnels bring once and for all is not counted.
                ends = open_many(outer, 50)
                first = outer.resident_kib(), inner.resident_kib()
                begin = time.monotonic()
                ends += open_many(outer, count - 50)
                took = time.monotonic() - begin
                last = outer.resident_kib(), inner.resident_kib()
                costs = [(b - a) * 1024 / (count - 50) for a, b in zip(first, last)]
                # A client hop forgets what could have read tickets in the first seconds; then there is nothing to do.
                time.sleep(4)
                turns = outer.counters()["loop_turns"], inner.counters()["loop_turns"]
                time.sleep(1)
                after = outer.counters(), inner.counters()
                assert all(now["loop_turns"] - before < 20 for now, before in zip(after, turns)), "idle loops turn"
                assert [counters["live"] for counters in after] == [count, count], after
                print(f"{records}: {count} idle tunnels, {costs[0]:.0f} bytes each in the client hop, {costs[1]:.0f} in the "
                      f"server hop; opened at {count / took:.0f} a second; resident {last[0]} and {last[1]} KiB")
                most = 4_096 if records == "detached" else 40_000
                assert max(costs) < most, f"an idle tunnel costs {costs} bytes, more than {most}"
                for number, end in enumerate(ends):
                    end.sendall(b"are you there, %d?" % number)
                for number, end in enumerate(ends):
                    said = b"are you there, %d?" % number
                    assert read_exactly(end, len(said)) == said
                for end in ends:
                    end.close()
                settled(outer)
                settled(inner)
                left = outer.sockets(), inner.sockets()
                assert max(left) <= 2, f"sockets left behind: {left}"
                # What a crowd took goes back to the kernel when it has gone.
                for warren, begin in zip((outer, inner), first):
                    until(lambda: warren.resident_kib() <= begin * 1.1, f"back within a tenth of {begin} KiB")
                print(f"{records}: {outer.resident_kib()} and {inner.resident_kib()} KiB afterwards, {first} before")


def open_many(warren, count):
    """As many as count, 200 at a time."""
    ends = []
    while len(ends) < count:
        some = [connect(warren.address(), timeout=60) for _ in range(min(200, count - len(ends)))]
        for end in some:
            assert end.recv(1) == b"!"
        ends += some
    return ends


if __name__ == "__main__":
    scenario(run)
