"""-max-handshakes: a burst is taken at the given rate, the rest waits in the kernel's queue, and nobody is turned away."""

import threading
import time

from tunnel_support import Realm, Server, client_context, echo, folder, outcome, scenario, settled, tunnel_server


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        with tunnel_server(realm, target.flag, "-max-handshakes", "20") as warren:
            address, done = warren.address(), []

            def one():
                done.append((outcome(client_context(realm, realm.client), address), time.monotonic()))

            begin = time.monotonic()
            threads = [threading.Thread(target=one, daemon=True) for _ in range(80)]
            for thread in threads:
                thread.start()
            time.sleep(1.0)
            early = warren.counters()
            assert early["accepted"] <= 20 + 20 * (time.monotonic() - begin) + 1, early
            for thread in threads:
                thread.join(30)
            assert [how for how, _ in done] == ["served"] * 80, done
            took = max(moment for _, moment in done) - begin
            # 20 at once from a full bucket, then 20 a second.
            assert 2.7 < took < 8, f"80 handshakes at 20 a second took {took:.2f} s"
            counters = settled(warren)
            assert counters["handshakes_paused"] > 0 and counters["client_handshakes"] == 80, counters
            print(f"80 clients at 20 handshakes a second: {took:.2f} s, accepting paused {counters['handshakes_paused']} times")


if __name__ == "__main__":
    scenario(run)
