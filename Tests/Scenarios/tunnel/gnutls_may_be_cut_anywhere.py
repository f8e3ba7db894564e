"""Between Warren and GnuTLS a tunnel may be cut anywhere, in both roles."""

import os
import select
import subprocess

from cutting import Bench, Cutter, combs, every_cut, finish, plain_target, sample, visit
from tunnel_support import (
    DEADLINE, Peer, Realm, connect, flag, folder, free_port, is_full, payload, program, read_exactly, scenario, tunnel_client,
    tunnel_server)

PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS1.3"


class Piped:
    """gnutls-cli as if it were the socket that it has."""

    def __init__(self, words):
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def sendall(self, data):
        self.process.stdin.write(data)

    def recv(self, most):
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        assert ready, "gnutls-cli says nothing"
        return os.read(self.process.stdout.fileno(), most)

    def shutdown(self, _):
        self.process.stdin.close()


def echoed(end):
    """What gnutls-serv can be talked to about: it echoes line by line."""
    with end:
        for number in range(3):
            line = payload(300, seed=number).hex().encode() + b"\n"
            end.sendall(line)
            assert read_exactly(end, len(line)) == line, "an echo that differs"
        finish(end)


def run():
    serv, cli = program("gnutls-serv"), program("gnutls-cli")
    with folder() as place:
        realm = Realm(place)

        def warren_as_client(stack):
            port = free_port()
            stack.enter_context(Peer(
                serv, "--priority", PRIORITY, "--x509cafile", realm.authority.cert, "--x509certfile", realm.server.cert,
                "--x509keyfile", realm.server.key, "--require-client-cert", "--verify-client-cert", "--echo", "-p", port,
                port=port))
            cutter = stack.enter_context(Cutter(("127.0.0.1", port)))
            warren = stack.enter_context(tunnel_client(realm, flag(cutter.address), "-access-log", "-"))
            return cutter, lambda: echoed(connect(warren.address())), warren

        def warren_as_server(stack):
            target = stack.enter_context(plain_target())
            warren = stack.enter_context(tunnel_server(realm, target.flag, "-access-log", "-"))
            cutter = stack.enter_context(Cutter(warren.address()))
            words = [cli, "--priority", PRIORITY, "--x509cafile", realm.authority.cert, "--x509certfile", realm.client.cert,
                     "--x509keyfile", realm.client.key, "--logfile", "/dev/null", "--verify-hostname", realm.server.dns,
                     "-p", str(cutter.address[1]), "127.0.0.1"]
            return cutter, lambda: visit(Piped(words)), warren

        for field, arrange, count in (("target_tls", warren_as_client, 200), ("client_tls", warren_as_server, 100)):
            with Bench(arrange, workers=2) as bench:
                lengths = bench.lengths()
                held = bench.hold([
                    *(every_cut(lengths) if is_full() else sample(lengths, count)), *combs(lengths, count=10)])
                bench.judge(1 + held, field)
            print(f"GnuTLS: {held} conversations, seen as {field}", flush=True)


if __name__ == "__main__":
    scenario(run)
