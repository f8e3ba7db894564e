"""Bulk that waits is taken with one call for many records and given with one: calls of the kernel per megabyte, both ends counted.

A record holds 16 KiB, so a megabyte is 64 of them: one call each would be 64 to receive and as many to send. Both kinds of
records, both directions, on the end that seals and on the one that opens.
"""

import socket
import threading
import time

from tunnel_support import (
    Realm, Server, flag, folder, payload, read_all, read_exactly, scenario, tunnel_client, tunnel_server)
from call_journal import call_journal

KINDS = ("recv", "send", "splice")
AMOUNT = 64 << 20
PAUSE = 0.02  # a reader's between two megabytes, so that bulk waits in front of every hop
MOST = 16     # of either, a megabyte; 4 to 5 on a machine at rest


def drain(end):
    """Reads it all, a megabyte at a time."""
    for _ in range(AMOUNT >> 20):
        read_exactly(end, 1 << 20)
        time.sleep(PAUSE)


def measured(journals, transfer):
    """Calls of each process and kind that moved bytes, a megabyte; all that passed was received and sent by them."""
    before = {role: journal.count() for role, journal in journals.items()}
    transfer()
    found = {}
    for role, journal in journals.items():
        moved = {kind: [call.result for call in journal.since(before[role]) if call.kind == kind and call.result > 0]
                 for kind in KINDS}
        assert min(sum(moved["recv"]), sum(moved["send"])) >= AMOUNT, f"{role} moves bytes by other calls"
        found[role] = [len(moved[kind]) / (AMOUNT >> 20) for kind in KINDS]
    return found


def run():
    data = payload(AMOUNT)
    with folder() as place:
        realm = Realm(place)
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

            with call_journal() as at_server, call_journal() as at_client, Server(target) as server, tunnel_server(
                    realm, server.flag, "-records", records, environment=at_server.environment) as inner:
                with tunnel_client(realm, flag(inner.address()), "-records", records,
                                   environment=at_client.environment) as outer:
                    journals = {"server": at_server, "client": at_client}
                    with outer.connect(timeout=120) as end:
                        def there():
                            end.sendall(data)
                            assert arrived.acquire(timeout=120)

                        def back():
                            go.release()
                            drain(end)

                        for way, transfer in (("there", there), ("back", back)):
                            for role, spent in measured(journals, transfer).items():
                                print(f"{records}, {way}, {role}: " + ", ".join(
                                    f"{count:.1f} {name}" for name, count in zip(KINDS, spent)) + " a megabyte")
                                receives, sends, _ = spent
                                assert receives < MOST and sends < MOST, f"{records}, {way}, {role}: {spent}"
                        end.shutdown(socket.SHUT_WR)
                        assert not read_all(end)


if __name__ == "__main__":
    scenario(run)
