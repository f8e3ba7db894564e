"""Once a certificate was replaced and its last tunnel is over, its private key stands nowhere in the process's memory.

Searched for in all that the process may write to, freed blocks and stacks included: the number itself, in both orders of bytes (a
file's and OpenSSL's), as its PEM text has it, and each line of that text.
"""

import os
import re
import shutil
import time

from tunnel_support import (
    Realm, Server, client_context, echo, flag, folder, hang_up, openssl, scenario, server_context, shake, tunnel_client,
    tunnel_server, until)

KINDS = ("ec", "rsa")


def secrets(path):
    """What of a key file nobody may keep, by what it is."""
    with open(path) as file:
        lines = [line.strip().encode() for line in file if not line.startswith("-----")]
    found = {f"line {number} of its text": line for number, line in enumerate(lines) if len(line) >= 32}
    text = openssl("pkey", "-in", path, "-noout", "-text").decode()
    for name in ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient"):
        hexadecimal = re.search(rf"^{name}:\s*\n((?:\s+[0-9a-f:]+\n)+)", text, re.MULTILINE)
        if hexadecimal:
            number = bytes.fromhex(re.sub(r"[\s:]", "", hexadecimal.group(1))).lstrip(b"\0")
            found[f"{name}, as in the file"], found[f"{name}, as OpenSSL has it"] = number, number[::-1]
    return found


def seen(warren, wanted):
    """Which of these stand in memory that the process may write to."""
    found = set()
    longest = max(map(len, wanted.values()))
    with open(f"/proc/{warren.pid}/maps") as maps, open(f"/proc/{warren.pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            at, end = (int(part, 16) for part in place.split("-"))
            kept = b""
            while at < end:
                try:
                    piece = os.pread(memory.fileno(), min(end - at, 1 << 20), at)
                except OSError:
                    break
                if not piece:
                    break
                found.update(name for name, value in wanted.items() if value in kept + piece)
                kept, at = piece[-longest:], at + len(piece)
    return found


def judge(warren, place, cert, key, identities, exchange):
    first, second = identities
    wanted = secrets(first.key)
    assert any("OpenSSL" in name for name in wanted) and any("line" in name for name in wanted), wanted.keys()
    for _ in range(3):
        exchange()
    assert any("OpenSSL" in name for name in seen(warren, wanted)), "the search does not find what is there"
    shutil.copy(second.cert, cert)
    shutil.copy(second.key, key)
    hang_up(warren)
    until(lambda: warren.matching("read again"), "the new files are taken over")
    exchange()
    end = time.monotonic() + 10
    while left := seen(warren, wanted):
        assert time.monotonic() < end, f"of the first key there is still {sorted(left)}"
        time.sleep(0.2)
    assert any("OpenSSL" in name for name in seen(warren, secrets(second.key))), "the second key is not in use"


def exchange_over(end):
    with end:
        end.sendall(b"hello")
        assert end.recv(5) == b"hello"


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        for kind in KINDS:
            def issued(name, uri):
                return [realm.authority.issue(f"{name}-{kind}-{number}", uri=uri, key=kind) for number in range(2)]

            for role in ("server", "client"):
                cert, key = (os.path.join(place, f"{kind}-{role}.{what}") for what in ("pem", "key"))
                identities = issued(role, realm.server.uri if role == "server" else realm.client.uri)
                shutil.copy(identities[0].cert, cert)
                shutil.copy(identities[0].key, key)
                own = identities[0]._replace(cert=cert, key=key)
                if role == "server":
                    context = client_context(realm, realm.client)
                    with tunnel_server(realm, target.flag, identity=own) as warren:
                        judge(warren, place, cert, key, identities, lambda: exchange_over(shake(context, warren.address())))
                else:
                    context = server_context(realm, realm.server)

                    def serve(end):
                        with context.wrap_socket(end, server_side=True) as secure:
                            echo(secure)

                    with Server(serve) as peer, tunnel_client(realm, flag(peer.address), identity=own) as warren:
                        judge(warren, place, cert, key, identities, lambda: exchange_over(warren.connect()))


if __name__ == "__main__":
    scenario(run)
