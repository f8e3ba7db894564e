"""Gigabytes both ways at once through two hops, written and read in random sizes, attached and detached: digests equal."""

import hashlib
import os
import random
import threading
import time

from tunnel_support import Realm, Server, folder, is_full, scenario, settled, two_hops

BLOCK = 32 << 20


class Stream:
    """So many bytes made of slices of a random block, the same for the same seed."""

    def __init__(self, block, seed, size):
        self.block, self.chance, self.size = memoryview(block), random.Random(seed), size

    def __iter__(self):
        left = self.size
        while left:
            # Small writes now and then, large ones mostly: bulk that stumbles.
            most = 300 if self.chance.random() < 0.1 else 1 << 20
            count = min(left, self.chance.randrange(1, most))
            begin = self.chance.randrange(len(self.block) - count)
            left -= count
            yield self.block[begin:begin + count]


def send(end, stream):
    sha = hashlib.sha256()
    for piece in stream:
        sha.update(piece)
        end.sendall(piece)
    return sha.hexdigest()


def receive(end, size, seed):
    sha, chance, left = hashlib.sha256(), random.Random(seed), size
    room = memoryview(bytearray(1 << 20))
    while left:
        most = 100 if chance.random() < 0.02 else 1 << 20
        count = end.recv_into(room, min(left, chance.randrange(1, most)))
        assert count, f"the stream ended {left} bytes early"
        sha.update(room[:count])
        left -= count
        if chance.random() < 0.0005:
            time.sleep(0.01)
    return sha.hexdigest()


def both(end, block, out_seed, size, results, name):
    digests = {}
    sender = threading.Thread(
        target=lambda: digests.__setitem__("sent", send(end, Stream(block, out_seed, size))), daemon=True)
    sender.start()
    digests["heard"] = receive(end, size, out_seed + 1000)
    sender.join(600)
    results[name] = digests


def one(realm, block, seed, size, records, streams):
    results, done = {}, threading.Semaphore(0)

    def target(end):
        with end:
            end.settimeout(120)
            number = end.recv(1)[0]
            both(end, block, seed + 500 + number, size, results, ("target", number))
            done.release()
            end.recv(1)

    with Server(target) as server, two_hops(
            realm, server.flag, ("-records", records), ("-records", records)) as (outer, inner):
        begin, before = time.monotonic(), outer.cpu_seconds() + inner.cpu_seconds()

        def client(number):
            with outer.connect(timeout=120) as end:
                end.sendall(bytes([number]))
                both(end, block, seed + number, size, results, ("client", number))
                assert done.acquire(timeout=600)

        threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(streams)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3000)
        for number in range(streams):
            mine, theirs = results[("client", number)], results[("target", number)]
            assert mine["sent"] == theirs["heard"], f"seed {seed}, {records}: there, stream {number}"
            assert theirs["sent"] == mine["heard"], f"seed {seed}, {records}: back, stream {number}"
        counters = settled(outer)
        assert counters["bytes_forward"] == streams * (size + 1), counters
        assert counters["bytes_backward"] == streams * size, counters
        took, cpu = time.monotonic() - begin, outer.cpu_seconds() + inner.cpu_seconds() - before
        amount = streams * size * 2 / 1e9
        print(f"{records}: {amount:.2f} GB in {streams} streams both ways, {took:.1f} s, "
              f"{cpu / amount:.2f} s of CPU per GB for both hops")


def run():
    seed = int(os.environ.get("SEED", random.randrange(1 << 31)))
    block = random.Random(seed).randbytes(BLOCK)
    size = (2500 << 20) if is_full() else (256 << 20)
    with folder() as place:
        realm = Realm(place)
        try:
            for records in ("detached", "attached"):
                # 2 streams x 2 ways x size for each kind: 1 GB, or 10 GB with --full.
                one(realm, block, seed, size, records, 2)
        except BaseException:
            print(f"seed {seed}")
            raise


if __name__ == "__main__":
    scenario(run)
