"""In steady state neither end of a tunnel allocates or retains anything, small requests and bulk; attached, OpenSSL alone does.

Counted on both processes (allocation_counts.py). Detached, not even OpenSSL asks for memory. Attached it takes a record's buffer
and gives it back (SSL_MODE_RELEASE_BUFFERS keeps idle tunnels small): counted apart, and none of it stays.
"""

import os

from tunnel_support import Realm, Server, echo, flag, folder, payload, read_exactly, scenario, tunnel_client, tunnel_server

from allocation_counts import Counts, cost, counting_library, is_optimised

WINDOWS = 3


def is_steady(spent, records):
    openssl = spent["openssl_allocations"] if records == "attached" else 0
    own = {name: value for name, value in spent.items() if not name.startswith("openssl_")}
    own["frees"] -= openssl
    return not any(own.values()) and spent["openssl_allocations"] == openssl


def exchange(client, size, count):
    """The client writes and reads in turn, so both directions are under way and neither end has to hold much."""
    data = payload(size)
    for _ in range(count):
        client.sendall(data)
        assert read_exactly(client, size) == data


def judge(ends, client, records):
    for warm in ((100, 300), (300_000, 40)):
        exchange(client, *warm)
    registrations = {name: warren.counters()["loop_registrations"] for name, (warren, _) in ends.items()}
    for warren, counts in ends.values():
        counts.prove(warren)
    for size, count in ((100, 3000), (300_000, 100)):
        windows = []
        # A write that meets a full socket borrows a block of a size that may not have been needed before; after that it is
        # there. What is asked for by every block or event is asked for in every window.
        for _ in range(WINDOWS):
            before = {name: counts.read() for name, (_, counts) in ends.items()}
            exchange(client, size, count)
            windows.append({name: cost(before[name], counts.read()) for name, (_, counts) in ends.items()})
            if all(is_steady(spent, records) for spent in windows[-1].values()):
                break
        for name, spent in windows[-1].items():
            print(f"{records}, {count} rounds of {size} bytes, {name}: {spent}")
            if is_optimised():
                assert is_steady(spent, records), f"{records}, {size} bytes, {name}: {[one[name] for one in windows]}"
    for name, (warren, _) in ends.items():
        assert warren.counters()["loop_registrations"] == registrations[name], f"{name}: epoll_ctl after set-up"


def run():
    with folder() as place, Server(echo) as target:
        realm, library = Realm(place), counting_library(place)
        for records in ("detached", "attached"):
            inner_counts, outer_counts = (
                Counts(library, os.path.join(place, f"{records}-{end}")) for end in ("server", "client"))
            with tunnel_server(
                    realm, target.flag, "-records", records, environment=inner_counts.environment) as inner:
                with tunnel_client(realm, flag(inner.address()), "-records", records,
                                   environment=outer_counts.environment) as outer:
                    with outer.connect() as client:
                        judge({"server": (inner, inner_counts), "client": (outer, outer_counts)}, client, records)
                    assert bool(inner.counters()["client_detached"]) == (records == "detached")


if __name__ == "__main__":
    scenario(run)
