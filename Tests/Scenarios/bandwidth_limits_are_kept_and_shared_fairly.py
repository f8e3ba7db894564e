"""-bandwidth flags: bytes move as fast as was said and no faster, each way, spliced or copied; connections that share a limit
get equal parts; nobody waits busily meanwhile."""

import contextlib
import threading
import time

from support import Server, Warren, echo, read_exactly, refused

CHUNK = b"x" * 65536


def pour(end):
    """Sends until the peer is gone."""
    with end, contextlib.suppress(OSError):
        while True:
            end.sendall(CHUNK)


def swallow(end):
    with end, contextlib.suppress(OSError):
        while end.recv(1 << 16):
            pass


def download(warren, count, seconds):
    """What `count` clients read in this time, from after a first second on."""
    read = [0] * count
    begin = time.monotonic() + 1
    over = begin + seconds

    def one(index):
        with warren.connect() as end:
            end.settimeout(0.5)
            while time.monotonic() < over:
                try:
                    piece = len(end.recv(1 << 16))
                except TimeoutError:
                    continue
                if time.monotonic() >= begin:
                    read[index] += piece

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return read


def expect(total, rate, seconds, what):
    # Clients share their cores with everything else: the exact proof on virtual time is ShaperTests'.
    assert 0.85 * rate * seconds <= total <= 1.1 * rate * seconds, f"{what}: {total / seconds:.0f} B/s of {rate}"


def run():
    with Server(pour) as server:
        for words in ([], ["-splice", "always"], ["-workers", "2"]):
            with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-bandwidth-per-connection", "4MB/s",
                        *words) as warren:
                before = warren.cpu_seconds()
                expect(sum(download(warren, 1, 3)), 4_000_000, 3, f"one connection {words}")
                assert warren.cpu_seconds() - before < 1.5, "it waited busily"
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-bandwidth", "8MB/s") as warren:
            read = download(warren, 8, 4)
            expect(sum(read), 8_000_000, 4, "all together")
            fairness = sum(read) ** 2 / (len(read) * sum(part * part for part in read))
            assert fairness > 0.95, (fairness, read)
            assert warren.counters()["throttled"] > 10
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-bandwidth-per-source", "1MB/s") as warren:
            expect(sum(download(warren, 3, 3)), 1_000_000, 3, "one source")
    with Server(swallow) as server, \
            Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-bandwidth-per-connection", "2MB/s") as warren:
        with warren.connect() as end:
            end.settimeout(0.2)
            stop = time.monotonic() + 3
            while time.monotonic() < stop:
                with contextlib.suppress(TimeoutError):
                    end.send(CHUNK)
            _, tunnels = warren.report()
            forward = int(tunnels[0]["forward"])
            assert 0.8 * 6_000_000 < forward < 1.2 * 6_000_000 + 100_000, forward
    # Whole and unharmed, however slowly, and a half-close is still one.
    with Server(echo) as server, \
            Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-bandwidth-per-connection", "200KB/s",
                   "-bandwidth-burst", "1KiB") as warren, warren.connect() as end:
        data = bytes(range(256)) * 1000
        end.sendall(data)
        end.shutdown(1)
        assert read_exactly(end, len(data)) == data
        assert end.recv(1) == b""
    for words, sentence in (
            (["-bandwidth", "fast"], 'invalid value "fast" for -bandwidth: want bytes a second'),
            (["-bandwidth-per-source", "0"], 'invalid value "0" for -bandwidth-per-source'),
            (["-bandwidth-burst", "1MB"], "-bandwidth-burst means nothing without a -bandwidth flag"),
            (["-connection-rate", "-1"], 'invalid value "-1" for -connection-rate'),
            (["-mirror-percent", "5"], "-mirror-percent means nothing without -mirror"),
            (["-mirror", "somewhere"], 'invalid value "somewhere" for -mirror'),
            (["-fault", "reset"], 'invalid value "reset" for -fault: want a JSON object'),
            (["-fault", '{"kind":"reset"}'], "-fault[0].expires is missing")):
        status, text = refused("-listen", "127.0.0.1:0", "-target", "127.0.0.1:1", *words)
        assert status == 1 and sentence in text, text
