"""A TLS server may send its tickets late or give none at all: data does not wait for them, and memory neither."""

import contextlib
import queue
import select
import ssl
import threading
import time

from cutting import DOWN, UP, Cutter, Lane, answer, finish, visit
from tunnel_support import (
    DEADLINE, Realm, Server, connect, flag, folder, read_exactly, scenario, server_context, tunnel_client, until)

# After this much time (three seconds at the most) a client that waits for a ticket stops waiting.
PATIENCE = 3.3
CROWD = 150


class Holder(Cutter):
    """Holds back what the server sends behind its handshake, tickets first, until it is told to let go."""

    def __init__(self, target):
        super().__init__(target)
        self.let_go = threading.Event()

    def carry(self, near, far):
        up, down = Lane(near, far, ()), Lane(far, near, ())
        while up.is_open or down.is_open:
            # The client's second flight says that the server's first one was whole.
            hello = up.passed if down.passed == 0 else hello
            is_held = up.passed > hello and not self.let_go.is_set()
            lanes = [lane for lane in (up, down) if lane.is_open and not (is_held and lane is down)]
            ready, _, _ = select.select([lane.source for lane in lanes], [], [], 0.02)
            for lane in lanes:
                if lane.source in ready:
                    lane.move()
        return up.passed, down.passed


def context_of(realm, tickets):
    context = server_context(realm, realm.server, lowest=ssl.TLSVersion.TLSv1_3)
    context.num_tickets = tickets
    return context


def late(realm, records, hold, expected):
    """Tickets that come `hold` seconds after the handshake; `expected` is how the next connection shakes hands."""
    context = context_of(realm, 2)
    arrived = queue.Queue()

    def serve(end):
        with context.wrap_socket(end, server_side=True, suppress_ragged_eofs=False) as end:
            end.sendall(DOWN)
            arrived.put(read_exactly(end, len(UP)))
            end.sendall(b"done")
            assert end.recv(1) == b""
            end.unwrap()

    def read(end):
        assert read_exactly(end, len(DOWN) + 4) == DOWN + b"done"
        finish(end)

    with Server(serve) as target, Holder(target.address) as holder:
        with tunnel_client(realm, flag(holder.address), "-access-log", "-", "-records", records) as warren:
            with warren.connect() as end:
                end.sendall(UP)
                assert arrived.get(timeout=DEADLINE) == UP, "what went up while the tickets were held back"
                time.sleep(hold)
                holder.let_go.set()
                read(end)
            with warren.connect() as end:
                end.sendall(UP)
                assert arrived.get(timeout=DEADLINE) == UP
                read(end)
            first, second = until(lambda: len(warren.output) >= 2 and list(warren.output), "two lines of the access log")
            for line in (first, second):
                assert "ending=complete " in line, line
            assert "/full" in first and f"/{expected}" in second, (records, hold, first, second)


def never(realm):
    """No tickets: data at once, and a tunnel that waits for nothing any more costs what others cost."""
    context = context_of(realm, 0)
    with Server(lambda end: answer(context.wrap_socket(end, server_side=True, suppress_ragged_eofs=False))) as target:
        with tunnel_client(realm, target.flag, "-access-log", "-") as warren:
            for _ in range(3):
                visit(connect(warren.address()))
            lines = until(lambda: len(warren.output) >= 3 and list(warren.output), "three lines of the access log")
            assert all("/detached/full" in line and "ending=complete " in line for line in lines), lines

    def silent(end):
        with context.wrap_socket(end, server_side=True, suppress_ragged_eofs=False) as end, contextlib.suppress(OSError):
            end.recv(1)

    with Server(silent) as target, contextlib.ExitStack() as stack:
        warren = stack.enter_context(tunnel_client(realm, target.flag))
        sizes = []
        for number in range(1, 4):
            for _ in range(CROWD):
                stack.enter_context(warren.connect())
            until(lambda: warren.counters().get("target_handshakes") == number * CROWD, "the crowd's handshakes")
            time.sleep(PATIENCE)
            sizes.append(warren.resident_kib())
        # What the crowd before has given back serves this one; an object that is kept would be 19 KiB.
        each = (sizes[2] - sizes[1]) / CROWD
        assert each < 10, f"{each:.1f} KiB for each silent tunnel without a ticket: {sizes}"
        print(f"{each:.1f} KiB for each silent tunnel without a ticket", flush=True)


def run():
    with folder() as place:
        realm = Realm(place)
        late(realm, "detached", 0, "resumed")
        late(realm, "detached", PATIENCE, "full")
        late(realm, "attached", PATIENCE, "resumed")
        never(realm)


if __name__ == "__main__":
    scenario(run)
