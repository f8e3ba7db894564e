"""-max-connections and -max-connections-per-client of a tunnel, in TLS: those beyond the one wait, those beyond the other are
refused, and a client is known by its certificate."""

import contextlib
import select
import ssl
import time

from tunnel_support import (
    Realm, Server, client_context, echo, echoes, folder, outcome, scenario, settled, shake, tunnel_server, two_hops_with, until)


def maximum(realm, role):
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(Server(echo))
        outer, hop = stack.enter_context(two_hops_with(realm, target.flag, role, "-max-connections", "3"))
        waiting = [stack.enter_context(outer.connect()) for _ in range(8)]
        for client in waiting:
            client.sendall(b"hello")
        for served in range(8):
            room = min(3, len(waiting))
            until(lambda: len(answered(waiting)) >= room, f"every place is used, {role}, {served} served")
            time.sleep(0.1)
            ready = answered(waiting)
            assert len(ready) == room, f"{len(ready)} of at most 3 are served"
            if served == 0:
                counters = hop.counters()
                assert counters["live"] == counters["accepted"] == 3, counters
                cpu = hop.cpu_seconds()
                time.sleep(0.5)
                assert hop.cpu_seconds() - cpu < 0.1, "the loop spins while clients wait"
            assert ready[0].recv(5) == b"hello"
            ready[0].close()
            waiting.remove(ready[0])
        assert settled(hop)["accepted"] == 8


def answered(clients):
    return select.select(clients, [], [], 0)[0]


def share(realm):
    """A client is known by its certificate: one that has its share is refused, another from the same address is not."""
    with Server(echo) as target, tunnel_server(
            realm, target.flag, "-allow-any-verified", "-max-connections-per-client", "2", allow=False) as warren:
        other = client_context(realm, realm.authority.issue("another"))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(realm, realm.client, lowest=version, highest=version)
            with shake(context, warren.address()) as first, shake(context, warren.address()) as second:
                assert echoes(first) and echoes(second)
                before = warren.counters()["limited"]
                for _ in range(4):
                    said = outcome(context, warren.address())
                    assert said != "served", f"a third connection over {version.name} is served"
                assert warren.counters()["limited"] == before + 4, "refused, and not counted as limited"
                assert outcome(other, warren.address()) == "served", "another client pays for it"
                assert echoes(first) and echoes(second)
            until(lambda: warren.counters()["live"] == 0, "the two are gone")
            assert outcome(context, warren.address()) == "served", "no room again"


def run():
    with folder() as place:
        realm = Realm(place)
        for role in ("server", "client"):
            maximum(realm, role)
        share(realm)


if __name__ == "__main__":
    scenario(run)
