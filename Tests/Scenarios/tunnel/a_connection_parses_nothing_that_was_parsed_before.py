"""No SSL_CTX, PEM or X509_STORE work for a connection: callgrind counts the calls of few and of many handshakes."""

import os
import re
import subprocess

from tunnel_support import (
    Realm, Server, binary, client_context, connect, echo, folder, free_port, is_listening, program, scenario, until)

# Anything of these that grows with connections is work that belongs to the making of a context.
FORBIDDEN = re.compile(
    r"^(SSL_CTX_new|SSL_CTX_new_ex|SSL_CTX_use_|SSL_CTX_load_|SSL_CTX_set_cipher_list|SSL_CTX_set_ciphersuites|"
    r"SSL_CTX_set1_|PEM_|X509_STORE_new|X509_STORE_add_|X509_STORE_load|X509_load|d2i_PrivateKey|d2i_AutoPrivateKey|"
    r"OSSL_PROVIDER_load|OSSL_LIB_CTX_new|CONF_|X509_CRL_)")


def counted(realm, target, connections, resumed):
    """Calls by function of one run of the server under callgrind with so many handshakes."""
    out = os.path.join(realm.place, f"callgrind.{connections}.{resumed}")
    port = free_port()
    words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no", "--compress-pos=no",
             realm.binary, "tunnel", "server", "-listen", f"127.0.0.1:{port}", "-target", target.flag,
             "-cert", realm.server.cert, "-key", realm.server.key, "-ca", realm.authority.cert,
             "-allow-uri", realm.client.uri, "-handshake-timeout", "1m"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until(lambda: is_listening(port) or process.poll() is not None, "warren listens under callgrind", 60)
        context, session = client_context(realm, realm.client), None
        for _ in range(connections):
            raw = connect(("127.0.0.1", port), timeout=60)
            with context.wrap_socket(raw, server_hostname="server.tunnel.test", session=session) as end:
                end.sendall(b"hello")
                assert end.recv(5) == b"hello"
                if resumed:
                    session = end.session
                end.unwrap()
        process.terminate()
        said = process.communicate(timeout=60)[1].decode("utf-8", "replace")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    handshakes = re.search(r"client_handshakes=(\d+) client_resumed=(\d+)", said)
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
    few, many = 10, 40
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        # valgrind gives up on the debug information of newer compilers; names of functions are all that is wanted here.
        realm.binary = os.path.join(place, "warren")
        subprocess.run([strip, "--strip-debug", "-o", realm.binary, binary()], check=True, timeout=60)
        for resumed in (False, True):
            less, less_work, _ = counted(realm, target, few, resumed)
            more, more_work, reused = counted(realm, target, many, resumed)
            assert more["SSL_new"] - less["SSL_new"] == many - few, (less["SSL_new"], more["SSL_new"])
            assert reused == (many - 1 if resumed else 0), f"{reused} of {many} were resumed"
            grown = {name: (less.get(name, 0), count) for name, count in more.items()
                     if FORBIDDEN.match(name) and count - less.get(name, 0) >= (many - few) // 3}
            assert not grown, f"work that grows with connections, {few} and {many} of them: {grown}"
            work = (more_work - less_work) / (many - few)
            print(f"{'resumed' if resumed else 'full'} handshakes, {few} and {many}: SSL_CTX_new {less.get('SSL_CTX_new_ex')} and "
                  f"{more.get('SSL_CTX_new_ex')}, PEM_read_bio {less.get('PEM_read_bio_ex', less.get('PEM_bytes_read_bio'))} "
                  f"and {more.get('PEM_read_bio_ex', more.get('PEM_bytes_read_bio'))}, X509_STORE_add_cert "
                  f"{less.get('X509_STORE_add_cert')} and {more.get('X509_STORE_add_cert')}, X509_verify_cert "
                  f"{less.get('X509_verify_cert', 0)} and {more.get('X509_verify_cert', 0)}; "
                  f"{work / 1e3:.0f} thousand instructions a connection")


if __name__ == "__main__":
    scenario(run)
