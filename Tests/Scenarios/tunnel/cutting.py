"""Streams that arrive in pieces: a TCP proxy that cuts them where it is told, and what is said through it.

    client - Warren - cutter - the other TLS - target          Warren is the TLS client
    client - the other TLS - cutter - Warren - target          Warren is the TLS server

Where the handshake ends and data begins, Warren takes the records over from OpenSSL. So data follows the handshake at once on
both sides, the target speaks first, and every byte is compared at both ends: none may be lost, repeated or out of order,
wherever the stream was cut.
"""

import contextlib
import hashlib
import os
import queue
import random
import select
import socket
import ssl
import threading
import time

from tunnel_support import (
    DEADLINE, Realm, Server, connect, flag, folder, free_port, is_full, payload, read_exactly, settled, tunnel_client,
    tunnel_server, until)

UP, DOWN = payload(700, seed=21), payload(900, seed=22)
# Long enough for a reader who has a core to himself by half to have read the piece before the next one comes.
PAUSE = 0.002
WORKERS = 4
COMB = 61
SEED = int(os.environ.get("WARREN_SEED", "7"))


class Lane:
    """One direction of a connection, and where it is to be cut: offsets into the stream, in order."""

    def __init__(self, source, sink, cuts):
        self.source, self.sink = source, sink
        self.cuts = sorted(cuts)
        self.passed = 0
        self.is_open = True

    def move(self):
        try:
            data = self.source.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.is_open = False
            # The other side may have gone first.
            with contextlib.suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)
            return
        while data:
            while self.cuts and self.cuts[0] <= self.passed:
                self.cuts.pop(0)
            most = self.cuts[0] - self.passed if self.cuts else len(data)
            piece, data = data[:most], data[most:]
            with contextlib.suppress(ConnectionError):
                self.sink.sendall(piece)
            self.passed += len(piece)
            if self.cuts and self.passed == self.cuts[0]:
                time.sleep(PAUSE)


class Cutter:
    """Passes one connection at a time, cut as `plan` said before it came: (offsets upwards, offsets downwards)."""

    def __init__(self, target=None):
        self.target = target
        self.plan = ((), ())
        self.lengths = queue.Queue()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.listener.settimeout(0.2)
        self.address = self.listener.getsockname()
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.thread.join(DEADLINE)
        self.listener.close()

    def _serve(self):
        while not self.closing:
            try:
                near, _ = self.listener.accept()
            except (TimeoutError, socket.timeout):
                continue
            with near, connect(self.target) as far:
                self.lengths.put(self.carry(near, far))

    def carry(self, near, far):
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lanes = [Lane(near, far, self.plan[0]), Lane(far, near, self.plan[1])]
        while open_lanes := [lane for lane in lanes if lane.is_open]:
            ready, _, _ = select.select([lane.source for lane in open_lanes], [], [], DEADLINE)
            if not ready:
                break
            for lane in open_lanes:
                if lane.source in ready:
                    lane.move()
        return lanes[0].passed, lanes[1].passed


def finish(end):
    """Says that we are done, and wants to hear the same."""
    if isinstance(end, ssl.SSLSocket):
        end.unwrap()
    else:
        end.shutdown(socket.SHUT_WR)
        rest = end.recv(1)
        assert rest == b"", f"{rest!r} behind the end"


def visit(end, before_the_end=None):
    """The client's part of a conversation."""
    with end:
        end.sendall(UP)
        assert read_exactly(end, len(DOWN)) == DOWN, "what came down is not what was sent"
        heard = read_exactly(end, 32)
        assert heard == hashlib.sha256(UP).digest(), "what went up arrived as something else"
        if before_the_end:
            before_the_end()
        finish(end)


def answer(end):
    """The target's part."""
    with end:
        end.sendall(DOWN)
        # A read like any other: what arrived is judged by the client, from its digest.
        end.sendall(hashlib.sha256(read_exactly(end, len(UP))).digest())
        rest = end.recv(1)
        assert rest == b"", f"{rest!r} behind the end"
        if isinstance(end, ssl.SSLSocket):
            end.unwrap()


def every_cut(lengths, apart=1):
    """Every byte there is, one cut in each direction at a time; or `apart` of them, far from each other. Signatures vary by a
    byte or two, so a few more."""
    lanes = [(length + 8, (length + 8 + apart - 1) // apart) for length in lengths]
    for at in range(1, max(share for _, share in lanes) + 1):
        yield tuple(
            tuple(cut for cut in range(at, length, share)) if at <= share else () for length, share in lanes)


def combs(lengths, count=COMB):
    """Cut all over, `COMB` bytes apart; each comb begins elsewhere."""
    up, down = lengths
    for first in range(1, COMB + 1, max(1, COMB // count)):
        yield range(first, up, COMB), range(first, down, COMB)


def sample(lengths, count):
    """Some cuts of all sorts, from a seed."""
    chance = random.Random(SEED)
    up, down = lengths
    for number in range(count):
        most = 1 if number % 2 else chance.randint(2, 6)
        yield ([chance.randint(1, up) for _ in range(most)], [chance.randint(1, down) for _ in range(most)])


class Bench:
    """Conversations over several arrangements of the same kind, side by side.

    `arrange(stack)` builds one, with what has to be closed on `stack`, and returns (cutter, converse, warren): the cutter
    the connection passes, a function that holds one conversation, and the Warren in between.
    """

    def __init__(self, arrange, workers=WORKERS):
        self.arrange = arrange
        self.workers = workers

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        try:
            self.places = [self.arrange(self.stack) for _ in range(self.workers)]
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *details):
        return self.stack.__exit__(*details)

    def once(self, place, plan):
        cutter, converse, warren = place
        cutter.plan = plan
        try:
            converse()
            return cutter.lengths.get(timeout=DEADLINE)
        except Exception as fault:
            shown = [list(cuts)[:8] for cuts in plan]
            raise AssertionError(
                f"cut upwards at {shown[0]}, downwards at {shown[1]} (seed {SEED}): {fault!r}\n"
                f"warren: {warren.text()[-2000:]}") from fault

    def lengths(self, place=0):
        """How many bytes a conversation takes each way, from one that is not cut."""
        return self.once(self.places[place], ((), ()))

    def hold(self, plans):
        """One conversation for each plan; the first fault ends them all. Returns how many there were."""
        plans = iter(list(plans))
        faults, held = [], []

        def work(place):
            while not faults:
                # list iterators are handed on under the interpreter's lock
                plan = next(plans, None)
                if plan is None:
                    return
                try:
                    self.once(place, plan)
                    held.append(1)
                except Exception as fault:  # noqa: BLE001: told by the scenario's own thread
                    faults.append(fault)

        threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in self.places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]
        return len(held)

    def judge(self, count, field, *words):
        """Every conversation ended in order, over TLS 1.3 with detached records, and `words` hold for its TLS too."""
        def told():
            return [line for _, _, warren in self.places for line in list(warren.output)]

        until(lambda: len(told()) >= count, f"{count} lines of the access log")
        lines = told()
        assert len(lines) == count, f"{len(lines)} connections for {count} conversations"
        for line in lines:
            assert "ending=complete " in line, line
            assert f"{field}=TLSv1.3/" in line and "/detached/" in line, line
            assert all(word in line for word in words), f"{line}: not {words}"
        for _, _, warren in self.places:
            counters = settled(warren)
            assert counters["broken"] == counters["timeouts"] == counters["retries"] == 0, counters


@contextlib.contextmanager
def plain_target():
    """A target that answers over plain TCP."""
    with Server(answer) as target:
        yield target


def check_peer(peer):
    """Both roles with a program of peers.py: a plain client in front of its client, a plain target behind its server."""
    def warren_as_client(stack):
        target = stack.enter_context(plain_target())
        port = free_port()
        stack.enter_context(peer.server(realm, port, target.flag, "1.3"))
        cutter = stack.enter_context(Cutter(("127.0.0.1", port)))
        warren = stack.enter_context(tunnel_client(realm, flag(cutter.address), "-access-log", "-"))
        return cutter, lambda: visit(connect(warren.address())), warren

    def warren_as_server(stack):
        target = stack.enter_context(plain_target())
        warren = stack.enter_context(tunnel_server(realm, target.flag, "-access-log", "-"))
        cutter = stack.enter_context(Cutter(warren.address()))
        port = free_port()
        stack.enter_context(peer.client(realm, port, flag(cutter.address), "1.3"))
        return cutter, lambda: visit(connect(("127.0.0.1", port))), warren

    with folder() as place:
        realm = Realm(place)
        if hasattr(peer, "build"):
            peer.build(place)
        for field, arrange in (("target_tls", warren_as_client), ("client_tls", warren_as_server)):
            # Two of them: each has a process of the other program.
            with Bench(arrange, workers=2) as bench:
                # The first handshake is full, and longer than the resumed ones that may follow it.
                lengths = bench.lengths()
                plans = [*(every_cut(lengths) if is_full() else sample(lengths, 200)), *combs(lengths, count=20)]
                held = bench.hold(plans)
                bench.judge(1 + held, field)
            print(f"{peer.__doc__}: {held} conversations, seen as {field}", flush=True)
