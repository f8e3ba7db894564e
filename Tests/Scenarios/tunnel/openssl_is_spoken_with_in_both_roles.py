"""openssl s_client through Warren's server, Warren's client to openssl s_server: TLS 1.2 and 1.3, every cipher we take."""

import contextlib
import subprocess

from tunnel_support import (
    Peer, Realm, Server, digest, folder, free_port, payload, read_exactly, s_client_words, scenario, tunnel_client,
    tunnel_server, until)

SUITES = [
    ("1.3", "TLS_AES_128_GCM_SHA256", "ec"), ("1.3", "TLS_AES_256_GCM_SHA384", "rsa"),
    ("1.3", "TLS_CHACHA20_POLY1305_SHA256", "ec"), ("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "ec"),
    ("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "ec"), ("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
]
IANA = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
}
UP, DOWN = 2_000_000, 1_500_000


def choose(version, suite):
    return [f"-tls{version.replace('.', '_')}", "-ciphersuites" if version == "1.3" else "-cipher", suite]


def answer(end):
    with end:
        heard = read_exactly(end, UP)
        end.sendall(digest(heard).encode() + payload(DOWN, seed=5))
        # s_client is killed when it has printed all, which arrives as a reset.
        with contextlib.suppress(ConnectionResetError):
            end.recv(1)


def s_client(realm, identity, version, suite, records):
    with Server(answer) as target, tunnel_server(
            realm, target.flag, "-access-log", "-", "-records", records, identity=identity) as warren:
        process = subprocess.Popen(
            s_client_words(realm, warren.address(), *choose(version, suite), identity=realm.client),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            sent = payload(UP, seed=9)
            process.stdin.write(sent)
            process.stdin.flush()
            heard = b""
            while len(heard) < 64 + DOWN:
                piece = process.stdout.read1(65536)
                assert piece, f"s_client ended after {len(heard)} bytes: {process.stderr.read()!r}"
                heard += piece
            assert heard[:64].decode() == digest(sent) and heard[64:] == payload(DOWN, seed=5)
        finally:
            # -quiet keeps s_client from ending with its input.
            process.kill()
            process.wait()
        line = until(lambda: list(warren.output), "the access log")[0]
        assert f"client_tls=TLSv{version}/{IANA.get(suite, suite)}/" in line, line


def s_server(realm, identity, version, suite, records):
    port = free_port()
    with Peer("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-naccept", "1", "-quiet", "-Verify", "3",
              "-verify_return_error", "-CAfile", realm.authority.cert, "-cert", identity.cert, "-key", identity.key,
              *choose(version, suite), port=port, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        with tunnel_client(realm, f"127.0.0.1:{port}", "-access-log", "-", "-records", records) as warren:
            with warren.connect() as end:
                sent = payload(UP, seed=9)
                end.sendall(sent)
                heard = b""
                while len(heard) < UP:
                    piece = other.process.stdout.read(65536)
                    assert piece, f"s_server ended after {len(heard)} bytes: {other.text()}"
                    heard += piece
                assert digest(heard) == digest(sent)
                other.process.stdin.write(payload(DOWN, seed=5))
                assert read_exactly(end, DOWN) == payload(DOWN, seed=5)
            line = until(lambda: list(warren.output), "the access log")[0]
            assert f"target_tls=TLSv{version}/{IANA.get(suite, suite)}/" in line and "ending=complete" in line, line


def run():
    with folder() as place:
        realm = Realm(place)
        identities = {"ec": realm.server, "rsa": realm.authority.issue("server-rsa", uri=realm.server.uri, key="rsa")}
        for version, suite, key in SUITES:
            for records in ("auto", "attached") if version == "1.3" else ("auto",):
                s_client(realm, identities[key], version, suite, records)
                s_server(realm, identities[key], version, suite, records)


if __name__ == "__main__":
    scenario(run)
