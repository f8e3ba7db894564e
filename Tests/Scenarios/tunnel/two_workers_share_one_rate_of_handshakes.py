"""-max-handshakes is the rate of the process, however many loops take clients: two of them take no more than one may.

A rate of less than one for each loop too: each then takes one now and then, and no client waits for good.
"""

import threading
import time

from tunnel_support import Realm, Server, client_context, echo, folder, outcome, scenario, settled, tunnel_server


def burst(realm, target, rate, clients):
    """So many clients at once; every one is served, and at no time more were taken than the rate allows."""
    with tunnel_server(realm, target.flag, "-max-handshakes", rate, "-workers", 2, "-handshake-timeout", "1m") as warren:
        assert warren.loops() == 2
        address, context, done = warren.address(), client_context(realm, realm.client), []
        threads = [threading.Thread(target=lambda: done.append(outcome(context, address)), daemon=True)
                   for _ in range(clients)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        most = 0.0
        while any(thread.is_alive() for thread in threads):
            accepted = warren.counters()["accepted"]
            # Buckets are a second deep, or hold one token for each loop. What was taken during the look is allowed too.
            allowed = max(rate, 2) + rate * (time.monotonic() - begin) + 1
            assert accepted <= allowed, f"{accepted} were taken where a rate of {rate} allows {allowed:.1f}"
            most = max(most, accepted / allowed)
            assert time.monotonic() - begin < 60, f"{len(done)} of {clients} are through"
            time.sleep(0.1)
        assert done == ["served"] * clients, done
        counters = settled(warren)
        assert counters["client_handshakes"] == clients and counters["handshakes_paused"] > 0, counters
        print(f"{clients} clients at {rate} a second, two loops: {time.monotonic() - begin:.2f} s, "
              f"at most {most:.0%} of what is allowed")


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        burst(realm, target, 20, 80)
        # A rate that is less than one for each loop.
        burst(realm, target, 1, 5)


if __name__ == "__main__":
    scenario(run)
