"""Short records, padding, a retried hello, no tickets, other groups and curves: what openssl can ask for and may get."""

import contextlib
import subprocess

from tunnel_support import (
    Realm, Server, digest, folder, payload, read_exactly, s_client_words, scenario, tunnel_server, until)

UP, DOWN = 300_000, 400_000
WAYS = [
    ("-tls1_2", ["-maxfraglen", "512"]),
    ("-tls1_3", ["-maxfraglen", "512"]),
    ("-tls1_3", ["-maxfraglen", "4096"]),
    ("-tls1_3", ["-record_padding", "512"]),
    ("-tls1_3", ["-record_padding", "16384"]),
    ("-tls1_3", ["-max_send_frag", "512"]),
    ("-tls1_3", ["-groups", "ffdhe2048:X25519"]),  # a hello retry: no key share of the first is of use
    ("-tls1_3", ["-groups", "P-256"]),
    ("-tls1_3", ["-groups", "P-384"]),
    ("-tls1_2", ["-groups", "P-256"]),
    ("-tls1_3", ["-no_middlebox"]),
    ("-tls1_3", ["-enable_pha"]),
    ("-tls1_3", ["-no_ticket"]),
    ("-tls1_2", ["-no_ticket"]),
    ("-tls1_2", ["-no_etm"]),
    ("-tls1_3", ["-alpn", "h2,http/1.1"]),
    ("-tls1_3", ["-noservername"]),
    ("-tls1_3", ["-legacy_server_connect", "-status"]),
]


def answer(end):
    with end:
        heard = read_exactly(end, UP)
        end.sendall(digest(heard).encode() + payload(DOWN, seed=5))
        with contextlib.suppress(ConnectionResetError):
            end.recv(1)


def exchange(realm, target, version, more, records):
    with tunnel_server(realm, target.flag, "-records", records, "-access-log", "-") as warren:
        words = s_client_words(realm, warren.address(), version, *more, identity=realm.client)
        if "-noservername" in more:
            at = words.index("-servername")
            del words[at:at + 2]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            sent = payload(UP, seed=9)
            process.stdin.write(sent)
            process.stdin.flush()
            heard = b""
            # Some of these make s_client talk on its standard output before the bytes.
            mark = digest(sent).encode()
            while mark not in heard or len(heard) < heard.index(mark) + 64 + DOWN:
                piece = process.stdout.read1(65536)
                assert piece, (f"{version} {more}, {records}: s_client ended after {len(heard)} bytes: "
                               f"{process.stderr.read().decode()[-500:]}\n{warren.text()}")
                heard += piece
            assert heard[heard.index(mark) + 64:] == payload(DOWN, seed=5), f"{version} {more}, {records}"
        finally:
            process.kill()
            process.communicate()
        line = until(lambda: list(warren.output), "the access log")[0]
        return "detached" if "/detached/" in line else "attached"


def run():
    with folder() as place, Server(answer) as target:
        realm = Realm(place)
        for version, more in WAYS:
            for records in ("auto", "attached"):
                kind = exchange(realm, target, version, more, records)
                # Who asks for short records must get them: Warren's own record layer writes full ones alone.
                wanted = "detached" if records == "auto" and version == "-tls1_3" and "-maxfraglen" not in more else "attached"
                assert kind == wanted, f"{version} {more}, {records}: {kind}"


if __name__ == "__main__":
    scenario(run)
