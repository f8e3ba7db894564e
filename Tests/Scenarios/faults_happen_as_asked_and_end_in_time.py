"""-fault: each kind does what it says to the share that was named, is told in the log with fault=, is counted, and ends at its
expiry."""

import contextlib
import json
import time

from support import Server, Warren, echo, read_exactly, refused, was_reset


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def fault(kind, expires=600, **more):
    return ["-fault", json.dumps({"kind": kind, "expires": moment(expires), **more})]


def pour(end):
    with end, contextlib.suppress(OSError):
        while True:
            end.sendall(b"x" * 65536)


@contextlib.contextmanager
def relay(server, *words):
    with Warren("-listen", "127.0.0.1:0", "-target", server.flag, *words) as warren:
        yield warren


def ping(warren):
    with warren.connect() as end:
        end.sendall(b"ping")
        return read_exactly(end, 4) == b"ping"


def silent(end, seconds):
    end.settimeout(seconds)
    try:
        end.recv(1)
    except TimeoutError:
        return True
    return False


def run():
    with Server(echo) as server, Server(pour) as source:
        with relay(server, *fault("refuse")) as warren:
            with contextlib.suppress(ConnectionResetError), warren.connect() as end:
                assert was_reset(end)
            warren.says(r"fault injected: .*fault=refuse .*source=")
            warren.says(r"ending=fault-injected .*fault=refuse")
            assert warren.counters()["faults"] == 1
        with relay(server, *fault("refuse", source="10.1.2.3"), *fault("refuse", percent=0)) as warren:
            assert ping(warren) and warren.counters()["faults"] == 0
        with relay(server, *fault("refuse", percent=50)) as warren:
            met = 0
            for _ in range(60):
                # The reset may come as early as inside connect.
                with contextlib.suppress(ConnectionError), warren.connect() as end:
                    end.sendall(b"ping")
                    met += end.recv(4) != b"ping"
            counted = warren.counters()["faults"]
            assert 10 <= counted <= 50, counted
        with relay(server, *fault("delay", after="700ms")) as warren:
            begin = time.monotonic()
            assert ping(warren)
            assert 0.7 <= time.monotonic() - begin < 10
            warren.says(r"connection ended: .*ending=complete .*fault=delay")
        with relay(source, *fault("throttle", bandwidth="100KB/s")) as warren, warren.connect() as end:
            begin = time.monotonic()
            read_exactly(end, 300_000)
            assert 1.5 < time.monotonic() - begin < 10
        with relay(source, *fault("reset", after_bytes=100_000)) as warren, warren.connect() as end:
            read = 0
            with contextlib.suppress(ConnectionResetError):
                while piece := end.recv(4096):
                    read += len(piece)
            assert read <= 100_000
            assert "bytes_backward=100000 " in warren.says(r"ending=fault-injected .*fault=reset")
        with relay(server, *fault("reset", after="500ms")) as warren, warren.connect() as end:
            begin = time.monotonic()
            end.sendall(b"ping")
            assert read_exactly(end, 4) == b"ping"
            assert was_reset(end) and 0.45 < time.monotonic() - begin < 10
        with relay(server, *fault("stall", after_bytes=4)) as warren, warren.connect() as end:
            end.sendall(b"ping")
            warren.says(r"fault stalls connection: .*fault=stall")
            assert silent(end, 0.5)
            cpu = warren.cpu_seconds()
            time.sleep(1)
            assert warren.cpu_seconds() - cpu < 0.3, "it waits busily"
        with relay(server, *fault("half-open")) as warren:
            served = server.served
            with warren.connect() as end:
                end.sendall(b"ping")
                assert silent(end, 0.5) and server.served == served
            warren.says(r"ending=fault-injected .*fault=half-open")
        with relay(server, *fault("half-open", after_bytes=8)) as warren, warren.connect() as end:
            end.sendall(b"ping")
            assert read_exactly(end, 4) == b"ping"
            warren.says(r"fault takes the target away: .*fault=half-open")
            end.sendall(b"ping")
            assert silent(end, 0.5)
        # When the time is up, what was held goes on, and nobody new is met.
        with relay(server, *fault("stall", expires=4)) as warren, warren.connect() as end:
            end.sendall(b"ping")
            warren.says("fault stalls connection")
            assert read_exactly(end, 4) == b"ping"
            warren.says("fault is over: .*fault=stall")
            assert ping(warren) and warren.counters()["faults"] == 1
    for more, sentence in (
            ({"expires": moment(90_000)}, "-fault[0].expires is too far ahead: want a moment in UTC at most 24h ahead"),
            ({"expires": "soon"}, '-fault[0].expires is "soon"'), ({}, "-fault[0].expires is missing")):
        status, text = refused("-listen", "127.0.0.1:0", "-target", "127.0.0.1:1", "-fault",
                               json.dumps({"kind": "refuse", **more}))
        assert status == 1 and sentence in text, text
