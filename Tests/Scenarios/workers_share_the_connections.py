"""-workers auto: a loop for each processor, connections spread by the kernel, counters and drain over all of them."""

import os
import socket

from support import Server, Warren, echo, until


def run():
    count = len(os.sched_getaffinity(0))
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-workers", "auto") as warren:
        threads = [open(f"/proc/{warren.pid}/task/{task}/comm").read().strip()
                   for task in os.listdir(f"/proc/{warren.pid}/task")]
        assert sum(name.startswith("data-") for name in threads) == os.cpu_count(), threads
        clients = [warren.connect() for _ in range(64)]
        for client in clients:
            client.sendall(b"hello")
        for client in clients:
            assert client.recv(5) == b"hello"

        def reports():
            return [line for line in warren.log if ": counters: " in line]

        warren.process.send_signal(10)
        until(lambda: len(reports()) == os.cpu_count(), "a line from every worker")
        lives = [int(line.split(" live=")[1].split()[0]) for line in reports()]
        assert sum(lives) == 64, lives
        if os.cpu_count() > 1:
            assert min(lives) > 5, f"the kernel spreads them unevenly: {lives}"
        warren.terminate()
        for client in clients:
            client.close()
        assert warren.ends() == 0
        assert "accepted=64 closed=64 live=0" in warren.says("ended"), warren.text()
