"""No SSL_CTX, PEM, X509_STORE or ASN.1 work for a connection: callgrind counts calls of few and of many handshakes, in both roles."""

import contextlib
import os
import re
import ssl
import subprocess

from tunnel_support import (
    Realm, Server, binary, client_context, connect, echo, folder, free_port, is_listening, program, read_exactly, scenario,
    server_context, until)

# Anything of these that grows with connections is work that belongs to the making of a context.
FORBIDDEN = re.compile(
    r"^(SSL_CTX_new|SSL_CTX_new_ex|SSL_CTX_use_|SSL_CTX_load_|SSL_CTX_set_cipher_list|SSL_CTX_set_ciphersuites|"
    r"SSL_CTX_set1_|PEM_|X509_STORE_new|X509_STORE_add_|X509_STORE_load|X509_load|d2i_PrivateKey|d2i_AutoPrivateKey|"
    r"OSSL_PROVIDER_load|OSSL_LIB_CTX_new|CONF_|X509_CRL_)")
# Of a full handshake between peers that know each other: what libssl would do for the other's certificate, and to begin a signature.
REPEATED = re.compile(r"^(ASN1_item_d2i|OSSL_DECODER_from_|X509_digest|EVP_SIGNATURE_fetch)")
SHOWN = ("SSL_CTX_new_ex", "PEM_bytes_read_bio", "X509_STORE_add_cert", "X509_verify_cert", "ASN1_item_d2i")


def command(realm, role, target, *more):
    own = realm.server if role == "server" else realm.client
    # Handshakes are slow under callgrind.
    trust = ["-allow-uri", realm.client.uri, "-handshake-timeout", "1m"] if role == "server" \
        else ["-verify-uri", realm.server.uri, "-connect-timeout", "1m"]
    return ["tunnel", role, "-target", target, "-cert", own.cert, "-key", own.key, "-ca", realm.authority.cert, *trust, *more]


@contextlib.contextmanager
def other_end(realm, role, version):
    """What Warren's target is: for the server's role a plain echo, for the client's one behind TLS of that version."""
    def shake_and_echo(end):
        with context.wrap_socket(end, server_side=True) as inside:
            echo(inside)

    context = server_context(realm, realm.server, lowest=version, highest=version)
    with Server(echo if role == "server" else shake_and_echo) as target:
        yield target.flag


def visit(realm, role, port, version, session):
    """Says a word through Warren and hears it; the session to resume next time, where the client is ours."""
    with connect(("127.0.0.1", port), timeout=60) as raw:
        if role == "client":
            raw.sendall(b"hello")
            assert read_exactly(raw, 5) == b"hello"
            return None
        with realm.context.wrap_socket(raw, server_hostname=realm.server.dns, session=session) as end:
            end.sendall(b"hello")
            assert end.recv(5) == b"hello"
            session = end.session
            end.unwrap()
            return session


def counted(realm, role, version, connections, resumed):
    """Calls by function of one run under callgrind with so many handshakes, its instructions, and how many were resumed."""
    out = os.path.join(realm.place, f"callgrind.{role}.{version.name}.{connections}.{resumed}")
    port = free_port()
    with other_end(realm, role, version) as target:
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no", "--compress-pos=no",
                 realm.binary, *command(realm, role, target, "-listen", f"127.0.0.1:{port}"),
                 *([] if resumed else ["-resumption", "0"])]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            until(lambda: is_listening(port) or process.poll() is not None, "warren listens under callgrind", 60)
            realm.context, session = client_context(realm, realm.client, lowest=version, highest=version), None
            for _ in range(connections):
                session = visit(realm, role, port, version, session if resumed else None)
            process.terminate()
            said = process.communicate(timeout=60)[1].decode("utf-8", "replace")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    peer = "client" if role == "server" else "target"
    handshakes = re.search(rf"{peer}_handshakes=(\d+) {peer}_resumed=(\d+)", said)
    assert handshakes and int(handshakes.group(1)) == connections, said[-2000:]
    calls, instructions = {}, 0
    with open(out) as file:
        callee = None
        for line in file:
            if line.startswith("cfn="):
                callee = line[4:].strip()
            elif line.startswith("calls=") and callee:
                calls[callee] = calls.get(callee, 0) + int(line[6:].split()[0])
            elif line.startswith("totals:"):
                instructions = int(line.split()[1])
    assert calls.get("SSL_new"), "callgrind knows no SSL_new: the library has no symbols"
    return calls, instructions, int(handshakes.group(2))


def run():
    program("valgrind")
    strip = program("strip", "/usr/bin/llvm-strip")
    few, many = 8, 26
    with folder() as place:
        realm = Realm(place)
        # valgrind gives up on the debug information of newer compilers; names of functions are all that is wanted here.
        realm.binary = os.path.join(place, "warren")
        subprocess.run([strip, "--strip-debug", "-o", realm.binary, binary()], check=True, timeout=60)
        for role, version, resumed in (
                ("server", ssl.TLSVersion.TLSv1_3, False), ("server", ssl.TLSVersion.TLSv1_3, True),
                ("server", ssl.TLSVersion.TLSv1_2, False), ("client", ssl.TLSVersion.TLSv1_3, False),
                ("client", ssl.TLSVersion.TLSv1_3, True), ("client", ssl.TLSVersion.TLSv1_2, False)):
            less, less_work, _ = counted(realm, role, version, few, resumed)
            more, more_work, reused = counted(realm, role, version, many, resumed)
            name = f"{role}, {version.name}, {'resumed' if resumed else 'full'}"
            assert more["SSL_new"] - less["SSL_new"] == many - few, (name, less["SSL_new"], more["SSL_new"])
            assert reused == (many - 1 if resumed else 0), f"{name}: {reused} of {many} were resumed"
            grown = {function: (less.get(function, 0), count) for function, count in more.items()
                     if (FORBIDDEN.match(function) or (not resumed and REPEATED.match(function))) and count - less.get(function, 0) >= (many - few) // 3}
            if version is ssl.TLSVersion.TLSv1_3:
                # A context refers to its algorithm once, and so does what EVP_KDF_fetch answers where it does not search: nearly always.
                derived, referred = (more[one] - less.get(one, 0) for one in ("EVP_KDF_derive", "EVP_KDF_up_ref"))
                assert referred > 1.8 * derived > 0, f"{name}: {derived} key derivations, {referred} references to the algorithm"
            assert not grown, f"{name}: work that grows with connections, {few} and {many} of them: {grown}"
            seen = ", ".join(f"{function} {less.get(function, 0)} and {more.get(function, 0)}" for function in SHOWN)
            print(f"{name}, {few} and {many} handshakes: {seen}; {(more_work - less_work) / (many - few) / 1e3:.0f} thousand "
                  "instructions a connection")


if __name__ == "__main__":
    scenario(run)
