"""A fast writer against a stalled reader, both ways, through two hops of TLS: each hop holds a bounded amount and waits without
spinning; when the reader goes on, every byte arrives."""

import hashlib
import socket
import threading
import time

from tunnel_support import Realm, Server, folder, payload, scenario, settled, two_hops, until

SIZE = 64 << 20


def drink(end):
    sha, count = hashlib.sha256(), 0
    while piece := end.recv(1 << 20):
        sha.update(piece)
        count += len(piece)
    return count, sha.hexdigest()


def pour(end, data):
    end.sendall(data)
    end.shutdown(socket.SHUT_WR)


def stalled(hop, counter):
    first = hop.counters()[counter]
    time.sleep(0.3)
    return 0 < first == hop.counters()[counter]


def one(realm, data, is_up, records):
    gate, heard = threading.Event(), []

    def serve(end):
        with end:
            end.settimeout(90)
            if not end.recv(1):
                return
            if is_up:
                assert gate.wait(90)
                heard.append(drink(end))
                end.sendall(b"done")
            else:
                pour(end, data)
                assert end.recv(1) == b"", "the client said more"

    flags = ("-records", records)
    with Server(serve) as target, two_hops(realm, target.flag, flags, flags) as hops:
        # The first handshake allocates what stays; only what stalls is counted.
        with hops[0].connect() as warm:
            warm.shutdown(socket.SHUT_WR)
            assert warm.recv(1) == b""
        before = [hop.resident_kib() for hop in hops]
        with hops[0].connect(timeout=90) as client:
            client.sendall(b"x")
            if is_up:
                writer = threading.Thread(target=pour, args=(client, data), daemon=True)
                writer.start()
            counter = "bytes_forward" if is_up else "bytes_backward"
            until(lambda: all(stalled(hop, counter) for hop in hops), "the writer is stopped by the reader")
            for hop, kib in zip(hops, before):
                counters, tunnels = hop.report()
                assert counters[counter] < SIZE, "all of it went somewhere"
                cpu = hop.cpu_seconds()
                time.sleep(0.5)
                assert hop.cpu_seconds() - cpu < 0.1, "a hop spins while it waits"
                held = max(int(tunnel["held"]) for tunnel in tunnels)
                assert held <= 1 << 20, f"held={held}, {records}"
                grown = hop.resident_kib() - kib
                assert grown < 4096, f"{grown} KiB for one stalled tunnel, {records}"
                print(f"{records}, {counter}: held {held} bytes, {grown} KiB grown")
            gate.set()
            if is_up:
                writer.join(90)
                assert client.recv(4) == b"done"
            else:
                heard.append(drink(client))
                client.shutdown(socket.SHUT_WR)
        wanted = (SIZE, hashlib.sha256(data).hexdigest())
        assert heard == [wanted], f"{records}: {heard} is not {wanted}"
        for hop in hops:
            assert settled(hop)["broken"] == 0


def run():
    data = payload(SIZE)
    with folder() as place:
        realm = Realm(place)
        for records in ("auto", "attached"):
            for is_up in (True, False):
                one(realm, data, is_up, records)


if __name__ == "__main__":
    scenario(run)
