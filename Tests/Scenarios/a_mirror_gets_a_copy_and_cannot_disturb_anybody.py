"""-mirror: the shadow gets every byte of the clients and the end; its answers, slowness, absence and death touch nobody."""

import threading

from support import Server, Warren, digest, echo, free_port, payload, read_all, read_exactly, reset, until


def run():
    copies = []

    def note(end):
        with end:
            end.sendall(b"an answer that nobody shall see")
            copies.append(digest(read_all(end)))

    def exchange(warren, data):
        with warren.connect() as end:
            sender = threading.Thread(target=lambda: (end.sendall(data), end.shutdown(1)))
            sender.start()
            assert read_all(end) == data, "the client's own answer was touched"
            sender.join()

    with Server(echo) as server, Server(note) as shadow:
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-mirror", shadow.flag) as warren:
            sizes = [0, 1, 1000, 65536, 150_000]
            for size in sizes:
                exchange(warren, payload(size, seed=size + 1))
            until(lambda: len(copies) == len(sizes), "the shadow has all copies")
            assert sorted(copies) == sorted(digest(payload(size, seed=size + 1)) for size in sizes)
            counters = warren.counters()
            assert counters["mirrored"] == len(sizes) and counters["mirror_failures"] == 0, counters
            assert counters["bytes_mirrored"] == sum(sizes), counters
            # A client that is reset: the shadow must not take half a stream for a whole one.
            broken = warren.connect()
            broken.sendall(b"half")
            assert read_exactly(broken, 4) == b"half"
            reset(broken)
            until(lambda: shadow.faults, "the shadow sees a reset")
            assert isinstance(shadow.faults.pop(), ConnectionResetError)

    stopping = threading.Event()

    def never_reads(end):
        with end:
            stopping.wait(30)

    def dies(end):
        reset(end)

    with Server(echo) as server, Server(never_reads) as slow, Server(dies) as dying:
        data = payload(24 << 20)
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-mirror", slow.flag) as warren:
            exchange(warren, data)
            counters = warren.counters()
            assert counters["mirror_overflows"] == 1, counters
            assert "slower than the client" in warren.says("mirror lost, its connection goes on")
        stopping.set()
        for flag in (dying.flag, f"127.0.0.1:{free_port()}"):
            with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-mirror", flag) as warren:
                for _ in range(3):
                    exchange(warren, data[:1_000_000])
                until(lambda: warren.counters()["mirror_failures"] == 3, "each shadow is counted as lost")
                warren.says("mirror lost, its connection goes on")
                warren.terminate()
                assert warren.ends() == 0
        with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-mirror", dying.flag, "-mirror-percent",
                    "0") as warren:
            exchange(warren, b"not copied")
            assert warren.counters()["mirrored"] == 0
