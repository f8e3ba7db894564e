"""gnutls-cli through Warren's server, Warren's client to gnutls-serv: TLS 1.2 and 1.3, another library than OpenSSL."""

import subprocess

from tunnel_support import (
    Peer, Realm, Server, digest, folder, free_port, payload, program, read_exactly, scenario, tunnel_client,
    tunnel_server, until)

PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS{}"


def greet(end):
    """Speaks first and last: gnutls-cli ends with its standard input, and gnutls-serv has no target behind it."""
    with end:
        heard = read_exactly(end, 200_000)
        end.sendall(digest(heard).encode() + payload(300_000, seed=5))
        end.recv(1)


def cli(realm, version):
    with Server(greet) as target, tunnel_server(realm, target.flag, "-access-log", "-") as warren:
        process = subprocess.Popen(
            [program("gnutls-cli"), "--priority", PRIORITY.format(version), "--x509cafile", realm.authority.cert,
             "--x509certfile", realm.client.cert, "--x509keyfile", realm.client.key, "--logfile", "/dev/null",
             "--verify-hostname", realm.server.dns, "-p", str(warren.address()[1]), "127.0.0.1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            sent = payload(200_000, seed=9)
            process.stdin.write(sent)
            process.stdin.flush()
            heard = b""
            while len(heard) < 64 + 300_000:
                piece = process.stdout.read1(65536)
                assert piece, f"gnutls-cli ended after {len(heard)} bytes: {process.stderr.read()!r}"
                heard += piece
            process.stdin.close()
            assert heard[:64].decode() == digest(sent)
            assert heard[64:] == payload(300_000, seed=5)
            process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        line = until(lambda: list(warren.output), "the access log")[0]
        assert f"client_tls=TLSv{version}/" in line and "ending=complete" in line, line


def serv(realm, version):
    port = free_port()
    with Peer(program("gnutls-serv"), "--priority", PRIORITY.format(version), "--x509cafile", realm.authority.cert,
              "--x509certfile", realm.server.cert, "--x509keyfile", realm.server.key, "--require-client-cert",
              "--verify-client-cert", "--echo", "-p", port, port=port):
        with tunnel_client(realm, f"127.0.0.1:{port}", "-access-log", "-") as warren:
            with warren.connect() as end:
                # Its echo goes line by line, and takes a line alone on the wire for a command.
                for number in range(200):
                    line = payload(300, seed=number).hex().encode() + b"\n"
                    end.sendall(line)
                    assert read_exactly(end, len(line)) == line
            line = until(lambda: list(warren.output), "the access log")[0]
            assert f"target_tls=TLSv{version}/" in line, line
            assert "ending=complete" in line, line


def run():
    with folder() as place:
        realm = Realm(place)
        for version in ("1.2", "1.3"):
            cli(realm, version)
            serv(realm, version)


if __name__ == "__main__":
    scenario(run)
