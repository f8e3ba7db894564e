"""9,000 concurrent connections, all alive; each costs little memory while idle, and nothing is left when they go."""

import selectors
import socket
import time

from support import Warren, many_descriptors, until
import os
import resource
import subprocess
import sys

COUNT = 9000

ECHO = """
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(4096)
listener.setblocking(False)
print(listener.getsockname()[1], flush=True)
selector = selectors.EpollSelector()
selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            try:
                while True:
                    end, _ = listener.accept()
                    end.setblocking(False)
                    selector.register(end, selectors.EVENT_READ)
            except BlockingIOError:
                continue
        try:
            data = key.fileobj.recv(4096)
        except ConnectionError:
            data = b""
        if data:
            key.fileobj.send(data)
        else:
            selector.unregister(key.fileobj)
            key.fileobj.close()
"""


def run():
    count = min(COUNT, (many_descriptors() - 400) // 2)
    echo = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE)
    try:
        port = int(echo.stdout.readline())
        # Two listeners on two addresses, so that one client address need not hold all ports in TIME_WAIT.
        with Warren("-listen", "127.0.0.1:0", "-listen", "[::1]:0", "-target", f"127.0.0.1:{port}",
                    "-max-connections", count + 10) as warren:
            warm = warren.connect()
            warm.sendall(b"hello")
            assert warm.recv(5) == b"hello"
            warm.close()
            until(lambda: warren.counters()["live"] == 0, "the first connection is over")
            before, descriptors = warren.resident_kib(), warren.descriptors()
            clients = []
            for index in range(count):
                client = warren.connect(index % 2)
                clients.append(client)
            until(lambda: warren.counters()["established"] == count + 1, "all are established", 60)
            opened = warren.resident_kib()
            for client in clients:
                client.sendall(b"hello")
            for client in clients:
                assert client.recv(5) == b"hello"
            assert warren.sockets() == 2 + 2 * count, f"{warren.sockets()} sockets for {count} connections"
            after = warren.resident_kib()
            for client in clients:
                client.close()
            until(lambda: warren.counters()["live"] == 0, "all are over", 60)
            counters = warren.counters()
            assert counters["accepted"] == counters["closed"] == count + 1, counters
            assert warren.descriptors() == descriptors, f"{warren.descriptors()} descriptors, {descriptors} before"
            each = (after - before) * 1024 / count
            print(f"{count} connections: {each:.0f} bytes resident each ({(opened - before) * 1024 / count:.0f} before the "
                  f"first byte), {warren.resident_kib() - before} KiB more afterwards")
            assert each <= 1536, f"{each:.0f} bytes resident for an idle connection"
    finally:
        echo.kill()
        echo.wait()
