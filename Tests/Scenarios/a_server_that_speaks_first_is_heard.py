"""Server-first protocols: the greeting comes before the client has said a word."""

from support import Server, Warren


def run():
    def greet(end):
        end.sendall(b"220 ready\r\n")
        assert end.recv(100) == b"QUIT\r\n"
        end.sendall(b"221 bye\r\n")
        end.close()

    with Server(greet) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
        for _ in range(10):
            with warren.connect(timeout=5) as client:
                assert client.recv(100) == b"220 ready\r\n"
                client.sendall(b"QUIT\r\n")
                assert client.recv(100) == b"221 bye\r\n"
                assert client.recv(100) == b""
