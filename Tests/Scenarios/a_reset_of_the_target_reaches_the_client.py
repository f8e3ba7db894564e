"""A target that resets is passed on as a reset to the client, after what it sent before."""

from support import Server, Warren, payload, read_exactly, reset, was_reset


def run():
    def serve(end):
        end.sendall(payload(50_000))
        assert end.recv(1) == b"x"
        reset(end)

    with Server(serve) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
        with warren.connect() as client:
            assert read_exactly(client, 50_000) == payload(50_000)
            client.sendall(b"x")
            assert was_reset(client), "the client saw an orderly end"
        warren.says("ending=target-reset")
        assert warren.counters()["live"] == 0
