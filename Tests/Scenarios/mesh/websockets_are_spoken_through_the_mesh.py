"""A WebSocket stays open through both sidecars: small frames back and forth, a large one, pings, and its orderly close."""

import threading

from mesh_support import mesh, module
from support import payload


def run():
    module("websockets")
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    def answer(socket):
        for message in socket:
            socket.send(message)

    with serve(answer, "127.0.0.1", 0, max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with mesh(server.socket.getsockname()[1]) as (_, local):
            with connect(f"ws://127.0.0.1:{local}/", max_size=None, open_timeout=20) as socket:
                for number in range(500):
                    socket.send(f"message {number}")
                    assert socket.recv(timeout=20) == f"message {number}"
                big = payload(3 << 20)
                socket.send(big)
                assert socket.recv(timeout=30) == big
                assert socket.ping().wait(20)
            assert socket.close_code == 1000
        server.shutdown()
