"""One bit flipped on the wire after the handshake: the end that reads it counts bad_record and says so to the other, which counts
the alert; neither the client nor the target takes what came before for the whole.

    client - outer hop = wire (flips a bit when told to) = inner hop - target
"""

import contextlib
import socket
import threading

from tunnel_support import (
    Realm, Server, connect, echo, folder, read_exactly, scenario, settled, tunnel_client, tunnel_server, was_reset)


class Wire:
    """Carries bytes between the hops; of the next bytes in the direction that `spoil` names, the last loses a bit."""

    def __init__(self, address):
        self.address = address
        self.spoil = None
        self.spoiled = 0

    def serve(self, near):
        with near, connect(self.address) as far:
            back = threading.Thread(target=self._carry, args=("back", far, near), daemon=True)
            back.start()
            self._carry("there", near, far)
            back.join(30)

    def _carry(self, direction, source, sink):
        with contextlib.suppress(OSError):
            while True:
                data = bytearray(source.recv(1 << 16))
                if not data:
                    break
                if self.spoil == direction:
                    self.spoil = None
                    self.spoiled += 1
                    data[-1] ^= 4
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def one(realm, target, records, direction):
    words = ("-records", records)
    with tunnel_server(realm, target.flag, *words) as inner:
        wire = Wire(inner.address())
        with Server(wire.serve) as between, tunnel_client(realm, between.flag, *words) as outer:
            with outer.connect() as client:
                client.sendall(b"before")
                assert read_exactly(client, 6) == b"before"
                assert not [name for name in {**inner.counters(), **outer.counters()} if "_tls_" in name]
                wire.spoil = direction
                client.sendall(b"behind")
                assert was_reset(client), "the client took a broken stream for one that ended"
            assert wire.spoiled == 1
            inside, outside = settled(inner), settled(outer)
            reader, other = ("client_tls_bad_record", "target_tls_peer_alert") if direction == "there" else (
                "client_tls_peer_alert", "target_tls_bad_record")
            wanted = {inner: {reader: 1}, outer: {other: 1}}
            for warren, counters in ((inner, inside), (outer, outside)):
                found = {name: value for name, value in counters.items() if "_tls_" in name}
                assert found == wanted[warren], f"{records}, {direction}: {found}\n{warren.text()[-2000:]}"
                assert counters["broken"] == counters["established"] == 1, counters
                name = next(iter(found)).replace("_tls_", "-tls-", 1)
                line = warren.says(rf"connection ended: .*ending={name}\b")
                assert "bytes_forward=" in line, line


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        for records in ("detached", "attached"):
            for direction in ("there", "back"):
                one(realm, target, records, direction)


if __name__ == "__main__":
    scenario(run)
