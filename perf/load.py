#!/usr/bin/env python3
"""Traffic for the scripts beside this file where wrk and iperf3 are not there, and for new connections in any case.

    load.py serve request|connection|bulk PORT    a target: answers requests, or swallows bytes
    load.py drive request|connection|bulk PORT SECONDS    a client; prints "units N": requests, connections or megabytes
"""

import selectors
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def serve(kind, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                try:
                    end, _ = listener.accept()
                except BlockingIOError:
                    continue
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(end, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(1 << 18)
                if data and kind != "bulk":
                    key.fileobj.sendall(ANSWER * data.count(b"\r\n\r\n"))
            except ConnectionError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def drive(kind, port, seconds):
    end, units = time.monotonic() + seconds, 0
    if kind == "bulk":
        with socket.create_connection(("127.0.0.1", port)) as client:
            block = bytes(1 << 18)
            while time.monotonic() < end:
                client.sendall(block)
                units += len(block)
        units //= 1_000_000
    else:
        client = None
        while time.monotonic() < end:
            if client is None:
                client = socket.create_connection(("127.0.0.1", port))
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(REQUEST)
            heard = b""
            while len(heard) < len(ANSWER):
                piece = client.recv(4096)
                if not piece:
                    sys.exit("the answer ended early")
                heard += piece
            units += 1
            if kind == "connection":
                client.close()
                client = None
    print("units", units)


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) == 5 and sys.argv[1] == "drive":
        drive(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        sys.exit(__doc__)
