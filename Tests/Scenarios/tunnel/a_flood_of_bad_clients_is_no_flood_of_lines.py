"""Hundreds of clients that speak no TLS within seconds: a bounded number of lines, and the others are counted in "N more lines", which
together make every line there would have been. The counters miss none of the clients.
"""

import re
import threading

from tunnel_support import Realm, Server, echo, folder, scenario, settled, tunnel_server, until

CLIENTS, THREADS = 400, 8
# As Sources/Proxy/LineBudget.swift says, for each loop and second.
LINES_PER_SECOND = 50


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        with tunnel_server(realm, target.flag) as warren:
            failures = []

            def flood():
                for _ in range(CLIENTS // THREADS):
                    try:
                        with warren.connect() as end:
                            end.sendall(b"GET / HTTP/1.1\r\n\r\n")
                            while end.recv(1000):
                                pass
                    except ConnectionError:
                        pass
                    except Exception as fault:  # noqa: BLE001
                        failures.append(repr(fault))

            threads = [threading.Thread(target=flood, daemon=True) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert not failures, failures[:3]
            counters = settled(warren)
            assert counters["client_tls_plain_text"] == CLIENTS and counters["accepted"] == CLIENTS, counters

            def written():
                return warren.matching(r": client's TLS handshake failed: ") + warren.matching(r": connection ended: ")

            def left_out():
                lines = warren.matching(r"\[WARN\].* more lines about clients were left out: see the counters")
                said = [int(re.search(r": (\d+) more lines", line).group(1)) for line in lines]
                assert said == [int(re.search(r"left_out=(\d+)", line).group(1)) for line in lines], lines
                return said

            # Each client makes two lines: that its handshake failed, and that its connection is over.
            until(lambda: len(written()) + sum(left_out()) == 2 * CLIENTS,
                  f"all lines are written or counted; of {2 * CLIENTS} now {len(written())} and {left_out()}")
            assert left_out(), "nothing was left out: that was no flood"
            seconds = {re.search(r"\d\d:\d\d:\d\d", line).group(0) for line in written()}
            # A budget's second may begin in the middle of the clock's.
            assert len(written()) <= LINES_PER_SECOND * (len(seconds) + 1), f"{len(written())} lines in {sorted(seconds)}"
            # Afterwards lines are written again.
            before = len(written())
            with warren.connect() as end:
                end.sendall(b"plain")
                while end.recv(1000):
                    pass
            until(lambda: len(written()) == before + 2, "the next client has its lines")
            print(f"{CLIENTS} clients: {before} lines, {sum(left_out())} left out in {len(left_out())} sums")


if __name__ == "__main__":
    scenario(run)
