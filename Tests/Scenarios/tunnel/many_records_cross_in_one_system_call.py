"""Bulk that waits is taken with one call for many records and given with one: calls of the kernel per megabyte, both ends counted.

A record holds 16 KiB, so a megabyte is 64 of them: one call each would be 64 to receive and as many to send. Both kinds of
records, both directions, on the end that seals and on the one that opens.
"""

import os
import socket
import struct
import subprocess
import threading
import time

from tunnel_support import (
    Realm, Server, flag, folder, payload, program, read_all, read_exactly, scenario, tunnel_client, tunnel_server)

NAMES = ("receives", "sends", "splices")
AMOUNT = 64 << 20
PAUSE = 0.02  # a reader's between two megabytes, so that bulk waits in front of every hop
MOST = 16     # of either, a megabyte; 4 and 4 to 8 on a machine at rest

class Calls:
    """The calls of one process, in a file of its own; `environment` is what it has to be started with."""

    def __init__(self, library, path):
        self.path = path
        self.environment = {"LD_PRELOAD": library, "CALL_COUNTS": path}

    def read(self):
        with open(self.path, "rb") as file:
            return struct.unpack(f"{len(NAMES)}Q", file.read(8 * len(NAMES)))


def counting_library(place):
    library = os.path.join(place, "count_calls.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "count_calls.c")
    subprocess.run([program("cc"), "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


def drain(end):
    """Reads it all, a megabyte at a time."""
    for _ in range(AMOUNT >> 20):
        read_exactly(end, 1 << 20)
        time.sleep(PAUSE)


def measured(calls, transfer):
    before = {name: each.read() for name, each in calls.items()}
    transfer()
    return {name: [(after - was) / (AMOUNT >> 20) for after, was in zip(each.read(), before[name])]
            for name, each in calls.items()}


def run():
    data = payload(AMOUNT)
    with folder() as place:
        realm, library = Realm(place), counting_library(place)
        for records in ("detached", "attached"):
            arrived, go = threading.Semaphore(0), threading.Semaphore(0)

            def target(end):
                with end:
                    end.settimeout(120)
                    drain(end)
                    arrived.release()
                    assert go.acquire(timeout=60)
                    end.sendall(data)
                    assert not read_all(end)

            calls = {role: Calls(library, os.path.join(place, f"{records}-{role}")) for role in ("server", "client")}
            with Server(target) as server, tunnel_server(
                    realm, server.flag, "-records", records, environment=calls["server"].environment) as inner:
                with tunnel_client(realm, flag(inner.address()), "-records", records,
                                   environment=calls["client"].environment) as outer:
                    with outer.connect(timeout=120) as end:
                        def there():
                            end.sendall(data)
                            assert arrived.acquire(timeout=120)

                        def back():
                            go.release()
                            drain(end)

                        for way, transfer in (("there", there), ("back", back)):
                            for role, spent in measured(calls, transfer).items():
                                print(f"{records}, {way}, {role}: " + ", ".join(
                                    f"{count:.1f} {name}" for name, count in zip(NAMES, spent)) + " a megabyte")
                                receives, sends, _ = spent
                                assert receives < MOST and sends < MOST, f"{records}, {way}, {role}: {spent}"
                        end.shutdown(socket.SHUT_WR)
                        assert not read_all(end)


if __name__ == "__main__":
    scenario(run)
