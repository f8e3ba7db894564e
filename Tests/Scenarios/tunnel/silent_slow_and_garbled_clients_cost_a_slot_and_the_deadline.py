"""Clients that say nothing, a byte now and then, or nonsense: their own slot until the deadline, nobody else's time."""

import os
import random
import socket
import ssl
import threading
import time

from tunnel_support import (
    Realm, Server, client_context, connect, echo, folder, outcome, scenario, settled, tunnel_server, until)

TIMEOUT = 2.0
SLACK = 3.0


def hello(realm):
    """A whole ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client_context(realm, realm.client).wrap_bio(incoming, outgoing, server_hostname=realm.server.dns)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def how_it_ends(end, within):
    end.settimeout(within)
    try:
        while end.recv(65536):
            pass
        return "closed"
    except ConnectionResetError:
        return "reset"
    except (TimeoutError, socket.timeout):
        return "still open"


def trickle(address, data, ended):
    """A byte in 200 ms; notes when the server made an end of it."""
    begin = time.monotonic()
    with connect(address) as end:
        for number in range(len(data)):
            try:
                end.sendall(data[number:number + 1])
            except OSError:
                break
            end.settimeout(0.2)
            try:
                if not end.recv(65536):
                    break
            except (TimeoutError, socket.timeout):
                continue
            except ConnectionResetError:
                break
    ended.append(time.monotonic() - begin)


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        first = hello(realm)
        with tunnel_server(realm, target.flag, "-handshake-timeout", "2s", "-access-log", "-") as warren:
            silence(warren)
            slow(realm, warren, first)
            half_a_hello(realm, warren, first, target)
        with tunnel_server(realm, target.flag, "-handshake-timeout", "2s") as warren:
            garbage(realm, warren, first)
            assert outcome(client_context(realm, realm.client), warren.address()) == "served"
        assert target.served == 8 + 1, f"{target.served}: somebody was let in"


def silence(warren):
    """Nothing at all: the kernel holds such a client back at first (TCP_DEFER_ACCEPT), then the deadline applies."""
    begin = time.monotonic()
    with warren.connect() as end:
        how = how_it_ends(end, 30)
    took = time.monotonic() - begin
    assert how != "still open", f"a silent client stays for {took:.1f} s"
    print(f"a silent client ended after {took:.1f} s: {how}")


def slow(realm, warren, first):
    """200 slow clients; the others are served meanwhile as if they were not there."""
    ended = []
    threads = [threading.Thread(target=trickle, args=(warren.address(), first, ended), daemon=True) for _ in range(200)]
    before = warren.cpu_seconds()
    for thread in threads:
        thread.start()
    waits = []
    for _ in range(8):
        begin = time.monotonic()
        assert outcome(client_context(realm, realm.client), warren.address()) == "served"
        waits.append(time.monotonic() - begin)
        time.sleep(0.1)
    for thread in threads:
        thread.join(30)
    assert len(ended) == 200
    # A client's clock starts with its first byte; the machine's business is added.
    assert max(ended) < TIMEOUT + SLACK, f"a slow client stayed for {max(ended):.1f} s"
    assert min(ended) > TIMEOUT - 0.5, f"a slow client was sent away after {min(ended):.1f} s"
    counters = settled(warren)
    assert counters["timeouts"] >= 200, counters
    lines = [line for line in warren.output if "ending=client-handshake-timeout" in line]
    assert len(lines) >= 200, f"{len(lines)} farewells tell of a handshake timeout"
    print(f"200 slow clients: ended within {min(ended):.2f}..{max(ended):.2f} s, "
          f"{(warren.cpu_seconds() - before) * 1e3:.0f} ms of CPU; a good client's exchange took "
          f"{max(waits) * 1e3:.0f} ms at the most")


def half_a_hello(realm, warren, first, target):
    """Half a hello and an end, a hello and an end, a hello and silence."""
    for data, ends in ((first[:40], True), (first, True), (first, False)):
        with warren.connect() as end:
            end.sendall(data)
            if ends:
                end.shutdown(socket.SHUT_WR)
            how = how_it_ends(end, TIMEOUT + SLACK)
            assert how != "still open", f"{len(data)} bytes, ends: {ends}"
    settled(warren)


def garbage(realm, warren, first):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    chance = random.Random(seed)
    before = settled(warren)
    for number in range(300):
        kind = number % 4
        data = bytearray(first)
        if kind == 0:
            data = chance.randbytes(chance.randrange(1, 4000))
        elif kind == 1:
            for _ in range(chance.randrange(1, 20)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif kind == 2:
            data = data[:chance.randrange(1, len(data))] + chance.randbytes(chance.randrange(1, 600))
        else:
            data = bytes([22, 3, 1]) + chance.randrange(65536).to_bytes(2, "big") + chance.randbytes(300)
        with warren.connect() as end:
            try:
                end.sendall(bytes(data))
                end.shutdown(socket.SHUT_WR)
                how = how_it_ends(end, TIMEOUT + SLACK)
            except OSError:
                how = "reset"
            assert how != "still open", f"garbage {number} of seed {seed}"
    after = settled(warren)
    failures = {name: after[name] for name in after if name.startswith("client_tls_")}
    assert after["dials"] == before["dials"] == 0, f"seed {seed}: {after}"
    assert not failures.get("client_tls_internal"), f"seed {seed}: {failures}"
    print(f"300 pieces of garbage (seed {seed}): {failures}")


if __name__ == "__main__":
    scenario(run)
