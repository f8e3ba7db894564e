"""A fast writer against a slow reader: Warren holds a bounded amount, and every byte arrives in the end."""

import hashlib
import threading
import time

from support import Server, Warren, payload, until

SIZE = 64 << 20


def run():
    for splice in ("never", "auto", "always"):
        gate = threading.Event()
        result = {}

        def serve(end):
            gate.wait(60)
            sum_, count = hashlib.sha256(), 0
            while piece := end.recv(1 << 20):
                sum_.update(piece)
                count += len(piece)
            result["digest"], result["count"] = sum_.hexdigest(), count
            end.sendall(b"done")

        with Server(serve) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            data = payload(SIZE)
            before = warren.resident_kib()
            with warren.connect(timeout=60) as client:
                def write():
                    client.sendall(data)
                    client.shutdown(1)

                writer = threading.Thread(target=write, daemon=True)
                writer.start()

                def stalled():
                    first = warren.counters()["bytes_forward"]
                    time.sleep(0.3)
                    return first > 0 and warren.counters()["bytes_forward"] == first

                until(stalled, "the writer is stopped by the reader")
                assert writer.is_alive(), "64 MiB went somewhere"
                cpu = warren.cpu_seconds()
                time.sleep(0.5)
                assert warren.cpu_seconds() - cpu < 0.1, "warren spins while it waits"
                _, tunnels = warren.report()
                held = int(tunnels[0]["held"])
                assert held <= 1 << 20, f"held={held}"
                grown = warren.resident_kib() - before
                assert grown < 4096, f"{grown} KiB for one stalled connection, -splice {splice}"
                gate.set()
                writer.join(60)
                assert client.recv(4) == b"done"
            assert result["count"] == SIZE and result["digest"] == hashlib.sha256(data).hexdigest()
            print(f"-splice {splice}: held {held} bytes, {grown} KiB grown")
