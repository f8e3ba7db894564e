"""Hashes end to end, many connections at once, both ways, sizes from nothing to megabytes, each -splice mode."""

import concurrent.futures
import random
import socket
import threading

from support import Server, Warren, digest, payload, read_all, read_exactly


def run():
    def serve(end):
        with end:
            seed, size, reply = map(int, read_exactly(end, 60).split())
            answer = payload(reply, seed=seed + 1)
            sender = threading.Thread(target=end.sendall, args=(answer,))
            sender.start()
            heard = read_exactly(end, size)
            sender.join()
            assert end.recv(1) == b"", "bytes behind the last"
            assert heard == payload(size, seed=seed), f"seed {seed}: other bytes than were sent"

    sizes = [0, 1, 1000, 16384, 65535, 65536, 65537, 196608, 262145, 1 << 20, 5_000_001]
    for splice in ("auto", "always", "never"):
        with Server(serve) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice) as warren:
            def one(seed):
                chance = random.Random(seed)
                size, reply = chance.choice(sizes), chance.choice(sizes)
                with warren.connect() as client:
                    client.sendall(b"%-20d%-20d%-20d" % (seed, size, reply))
                    data = payload(size, seed=seed)

                    def send():
                        at = 0
                        while at < len(data):
                            step = chance.choice([1 << 20, 65536, 9000])
                            client.sendall(data[at:at + step])
                            at += step
                        client.shutdown(socket.SHUT_WR)

                    sender = threading.Thread(target=send)
                    sender.start()
                    heard = read_all(client)
                    sender.join()
                    assert digest(heard) == digest(payload(reply, seed=seed + 1)), f"seed {seed}, -splice {splice}"

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for _ in pool.map(one, range(60)):
                    pass
            counters = warren.counters()
            if splice == "never":
                assert counters["bytes_spliced"] == 0, counters
            else:
                assert counters["bytes_spliced"] > 0, counters
            if splice == "always":
                assert counters["bytes_spliced"] == counters["bytes_forward"] + counters["bytes_backward"], counters
