"""Thousands of clients that go away at every point of the handshake: descriptors and live connections return to zero."""

import os
import random
import socket
import ssl
import threading
import time

from tunnel_support import (
    Realm, Server, client_context, connect, echo, folder, is_full, outcome, read_exactly, reset, scenario, settled,
    tunnel_server, two_hops, until)


def vanish(context, address, chance):
    """One client: shakes hands by hand up to a random byte, then ends, resets, or just closes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="server.tunnel.test")
    with connect(address) as end:
        end.settimeout(5)
        # A handshake of ours is some 900 to 1,300 bytes; what is beyond gets through it.
        allowance = chance.randrange(0, 1600)
        with_end = chance.randrange(3)
        try:
            for _ in range(6):
                try:
                    session.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    done = False
                data = outgoing.read()[:allowance]
                allowance -= len(data)
                end.sendall(data)
                if done or allowance <= 0:
                    break
                piece = end.recv(16384)
                if not piece:
                    break
                incoming.write(piece)
            if with_end == 0:
                reset(end)
            elif with_end == 1:
                end.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def on_threads(count, work, seed):
    """`work(chance)` so many times, on a few threads with a generator each; raises what one of them raised."""
    threads, faults = 8, []

    def some(number):
        chance = random.Random(seed * 100 + number)
        try:
            for _ in range(count // threads):
                work(chance)
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)

    running = [threading.Thread(target=some, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(800)
    assert not faults, f"seed {seed}: {faults[:3]}"


def emptied(warren, before, seed):
    """Nothing is live, and the descriptors are those from before."""
    counters = settled(warren)
    assert counters["accepted"] == counters["closed"], f"seed {seed}: {counters}"
    until(lambda: warren.descriptors() == before,
          f"seed {seed}: {before} descriptors as before, not {warren.descriptors()}")
    return counters


def towards_the_server(realm, target, count, seed):
    contexts = [client_context(realm, realm.client, highest=version) for version in (
        ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
    with tunnel_server(realm, target.flag, "-handshake-timeout", "3s") as warren:
        assert outcome(contexts[1], warren.address()) == "served"
        settled(warren)
        before, size = warren.descriptors(), warren.resident_kib()
        on_threads(count, lambda chance: vanish(chance.choice(contexts), warren.address(), chance), seed)
        counters = emptied(warren, before, seed)
        assert counters["client_handshakes"] < counters["accepted"], counters
        assert outcome(contexts[1], warren.address()) == "served"
        print(f"{counters['accepted']} connections, {counters['client_handshakes']} of them with a whole handshake: "
              f"resident {size} KiB before, {warren.resident_kib()} KiB after")


def through_the_client(realm, target, count, seed):
    """Plain clients that go while Warren's own handshake with the target is under way."""
    with two_hops(realm, target.flag) as (outer, inner):
        def come_and_go(chance):
            with outer.connect() as end:
                how = chance.randrange(4)
                if how == 0:
                    reset(end)
                elif how == 1:
                    end.sendall(b"some bytes")
                    reset(end)
                elif how == 2:
                    end.shutdown(socket.SHUT_WR)
                time.sleep(chance.random() * 0.01)

        come_and_go(random.Random(1))
        settled(outer)
        settled(inner)
        before = outer.descriptors(), inner.descriptors()
        on_threads(count, come_and_go, seed)
        counters = emptied(outer, before[0], seed)
        emptied(inner, before[1], seed)
        with outer.connect() as end:
            end.sendall(b"hello")
            assert read_exactly(end, 5) == b"hello"
        print(f"{counters['accepted']} plain clients, {counters['established']} of them got to the target")


def run():
    seed = int(os.environ.get("SEED", random.randrange(1 << 31)))
    count = 20_000 if is_full() else 3_000
    with folder() as place, Server(calm_echo) as target:
        realm = Realm(place)
        towards_the_server(realm, target, count, seed)
        through_the_client(realm, target, count, seed)


def calm_echo(end):
    try:
        echo(end)
    except OSError:
        pass


if __name__ == "__main__":
    scenario(run)
