"""IPv4, IPv6, unix paths and host names, listened on and dialled, in every pairing."""

import os
import socket

from support import Server, Warren, answer_after_end, digest, folder, payload, read_all


def run():
    with folder() as place:
        servers = [
            Server(answer_after_end), Server(answer_after_end, family=socket.AF_INET6),
            Server(answer_after_end, path=os.path.join(place, "target"))]
        for server in servers:
            with server:
                targets = [server.flag] + ([f"localhost:{server.address[1]}"] if server is servers[0] else [])
                for target in targets:
                    with Warren(
                            "-listen", "127.0.0.1:0", "-listen", "[::1]:0", "-listen",
                            "unix:" + os.path.join(place, "listen"), "-target", target) as warren:
                        for index in range(3):
                            for size in (10, 3_000_000):
                                with warren.connect(index) as client:
                                    data = payload(size, seed=index)
                                    client.sendall(data)
                                    client.shutdown(socket.SHUT_WR)
                                    assert read_all(client).decode() == digest(data), (target, index, size)
                        warren.terminate()
                        assert warren.ends() == 0
                        assert not os.path.exists(os.path.join(place, "listen")), "the path stays behind"
