"""DNS: services, mesh endpoints and nodes, over UDP and TCP, as the checks have it."""

import socket
import struct
import time

import agents
from support import folder, free_port, read_exactly, until

A, PTR, SRV, ANY = 1, 12, 33, 255


def run():
    with folder() as path, agents.Hello() as hello:
        port = free_port()
        files = {"zz-dns.json": {"ports": {"dns": port}, "node_name": "here", "addresses": {"dns": "0.0.0.0"}},
                 "target.json": agents.service("target", hello.port, tags=["red"], checks=[
                     {"id": "alive", "name": "alive", "ttl": "1h", "status": "passing"}])}
        with agents.Agent(path, files) as agent:
            agent.says(f"Started DNS server: address=0.0.0.0:{port} network=udp")
            # A socket bound to every address answers from the one it was asked at: others are not listened to.
            assert over_udp(port, "target.service.consul", A, "127.0.0.2") == (0, 1)
            for ask in (over_udp, over_tcp):
                assert ask(port, "target.service.consul", A) == (0, 1)
                assert ask(port, "red.target.service.dc1.consul", A) == (0, 1)
                assert ask(port, "blue.target.service.consul", A) == (3, 0)
                assert ask(port, "TARGET.Service.Consul", SRV) == (0, 1)
                assert ask(port, "here.node.consul", A) == (0, 1)
                assert ask(port, "nobody.service.consul", A) == (3, 0)
                assert ask(port, "example.com", A)[0] == 5
                until(lambda: ask(port, "target.connect.consul", SRV) == (0, 1), "the sidecar listens")
            assert reply(over_udp_raw(port, "target.service.consul", A))[2].endswith(bytes([127, 0, 0, 1]))
            agent.put("/v1/agent/check/fail/alive")
            assert over_udp(port, "target.service.consul", A) == (3, 0)
            agent.put("/v1/agent/check/pass/alive")
            assert over_udp(port, "target.service.consul", A) == (0, 1)

            # Several queries in one write are answered in order; nonsense and silence cost others nothing.
            with socket.create_connection(("127.0.0.1", port), timeout=10) as end:
                queries = [question(f"target{n or ''}.service.consul", A, n) for n in range(200)]
                end.sendall(b"".join(struct.pack(">H", len(query)) + query for query in queries))
                for number in range(200):
                    message = read_exactly(end, struct.unpack(">H", read_exactly(end, 2))[0])
                    assert struct.unpack(">H", message[:2])[0] == number
            idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(300)]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                for size in (0, 1, 11, 12, 13, 600, 60000):
                    end.sendto(bytes(range(256)) * (size // 256) + bytes(size % 256), ("127.0.0.1", port))
            assert over_udp(port, "target.service.consul", A) == (0, 1)
            for end in idle:
                end.close()
            until(lambda: over_tcp_or_none(port) == (0, 1), "streams are taken again")


def question(name, kind, number=7):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">HH", kind, 1)


def reply(message):
    number, flags, _, answers, _, _ = struct.unpack(">HHHHHH", message[:12])
    assert flags & 0x8000, "an answer says that it is one"
    return flags & 15, answers, message


def over_udp_raw(port, name, kind, host="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(10)
        end.connect((host, port))
        end.send(question(name, kind))
        return end.recv(65535)


def over_udp(port, name, kind, host="127.0.0.1"):
    return reply(over_udp_raw(port, name, kind, host))[:2]


def over_tcp(port, name, kind):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as end:
        query = question(name, kind)
        # In two pieces, as a network may bring it.
        end.sendall(struct.pack(">H", len(query)) + query[:5])
        time.sleep(0.01)
        end.sendall(query[5:])
        return reply(read_exactly(end, struct.unpack(">H", read_exactly(end, 2))[0]))[:2]


def over_tcp_or_none(port):
    try:
        return over_tcp(port, "target.service.consul", A)
    except (OSError, AssertionError):
        return None
