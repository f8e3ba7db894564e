"""Every wrong flag or file of `warren tunnel`: one sentence that names flag, file and what is wrong; status 1, no listener."""

import os
import subprocess

from tunnel_support import Realm, binary, folder, openssl, refused, scenario


def written(place, name, text, mode=0o644):
    path = os.path.join(place, name)
    with open(path, "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def run():
    with folder() as place:
        realm = Realm(place)
        ca, server, client = realm.authority.cert, realm.server, realm.client
        base = ["-listen", "127.0.0.1:0", "-target", "127.0.0.1:1"]

        def files(cert=server.cert, key=server.key, roots=ca):
            return base + ["-cert", cert, "-key", key, "-ca", roots]

        any_client = ["-allow-any-verified"]
        empty = written(place, "empty.pem", "")
        text = written(place, "text.pem", "this is no PEM\n")
        torn = written(place, "torn.pem", open(server.cert).read()[:300] + "\n-----END CERTIFICATE-----\n")
        torn_roots = written(place, "roots.pem", open(ca).read() + open(torn).read())
        weak = os.path.join(place, "weak.key")
        openssl("genrsa", "-out", weak, "1024")
        locked = os.path.join(place, "locked.key")
        openssl("ec", "-in", server.key, "-aes128", "-passout", "pass:secret", "-out", locked)
        table = [
            ("server", base, ["-cert", "required", "PEM"]),
            ("server", base + ["-cert", server.cert], ["-key", "required"]),
            ("server", base + ["-cert", server.cert, "-key", server.key], ["-ca", "required"]),
            ("server", files(), ["nobody", "-allow-uri", "-allow-dns", "-allow-any-verified"]),
            ("server", files() + any_client + ["-allow-uri", "spiffe://a/b"], ["-allow-any-verified", "-allow-uri"]),
            ("server", files(cert="/nonexistent/c.pem") + any_client, ["-cert /nonexistent/c.pem", "No such file"]),
            ("server", files(key="/nonexistent/k.pem") + any_client, ["-key /nonexistent/k.pem", "No such file"]),
            ("server", files(roots="/nonexistent/r.pem") + any_client, ["-ca /nonexistent/r.pem", "No such file"]),
            ("server", files(roots=place) + any_client, ["-ca " + place, "directory"]),
            ("server", files() + any_client + ["-crl", "/nonexistent/l.pem"], ["-crl /nonexistent/l.pem", "No such file"]),
            ("server", files(key=client.key) + any_client, [client.key, "key", "match"]),
            ("server", files(cert=empty) + any_client, ["-cert " + empty, "empty"]),
            ("client", files(cert=empty) + ["-verify-name", "a"], ["-cert " + empty, "empty"]),
            ("server", files() + any_client + ["-crl", empty], ["-crl " + empty, "empty"]),
            ("server", files(cert=text) + any_client, [text, "certificate chain"]),
            ("server", files(cert=torn) + any_client, [torn, "certificate chain"]),
            ("server", files(key=text) + any_client, [text, "key"]),
            ("server", files(key=server.cert) + any_client, [server.cert, "key"]),
            ("server", files(key=locked) + any_client, [locked, "key"]),
            ("server", files(key=weak) + any_client, [weak, "key"]),
            ("server", files(roots=empty) + any_client, ["-ca " + empty, "empty"]),
            ("server", files(roots=server.key) + any_client, [server.key, "roots", "no PEM certificate"]),
            ("server", files(roots=torn_roots) + any_client, [torn_roots, "roots", "parse"]),
            ("server", files() + any_client + ["-crl", ca], [ca, "CRL"]),
            ("server", files() + any_client + ["-accelerator", "on"], ["-accelerator", '"on"', "auto or off"]),
            ("server", files() + any_client + ["-ktls", "on"], ["-ktls", '"on"', "off or auto"]),
            ("server", files() + any_client + ["-ktls", "auto", "-records", "attached"], ["-ktls auto", "-records attached"]),
            ("server", files() + any_client + ["-min-tls", "1.1"], ["-min-tls", '"1.1"', "1.2 or 1.3"]),
            ("server", files() + any_client + ["-records", "kernel"], ["-records", '"kernel"', "detached"]),
            ("server", files() + any_client + ["-handshake-timeout", "0"], ["-handshake-timeout", "more than 0"]),
            ("server", files() + any_client + ["-handshake-timeout", "soon"], ["-handshake-timeout", '"soon"']),
            ("server", files() + any_client + ["-resumption", "x"], ["-resumption", '"x"']),
            ("server", files() + any_client + ["-max-handshakes", "-1"], ["-max-handshakes", '"-1"']),
            ("server", files() + any_client + ["-alpn", "x" * 256], ["ALPN", "255"]),
            ("server", files() + any_client + ["-alpn", ""], ["ALPN", "255"]),
            ("server", files() + any_client + ["-verify-uri", "spiffe://a/b"], ["-verify-uri"]),
            ("server", files() + any_client + ["-nope"], ["-nope"]),
            ("server", files() + ["-allow-uri", "web"], ["-allow-uri", '"web"', "scheme"]),
            ("server", files() + ["-allow-uri", "spiffe://a/b?c"], ["-allow-uri", '"spiffe://a/b?c"', "SPIFFE ID"]),
            ("server", files() + ["-allow-dns", "*.com"], ["-allow-dns", '"*.com"', "two labels"]),
            ("server", files() + ["-allow-dns", "a b"], ["-allow-dns", '"a b"', "DNS name"]),
            ("client", files() + ["-verify-uri", "spiffe:///web"], ["-verify-uri", '"spiffe:///web"', "SPIFFE ID"]),
            ("server", files() + any_client + ["stray"], ['"stray"']),
            ("client", files(), ["127.0.0.1:1", "-verify-uri", "-verify-name"]),
            ("client", files() + ["-verify-uri", "spiffe://a/b", "-verify-name", "a"], ["-verify-uri", "-verify-name", "both"]),
            ("client", files() + ["-allow-uri", "spiffe://a/b"], ["-allow-uri"]),
            ("client", files(key=client.key) + ["-verify-name", "a"], [client.key, "match"]),
            ("client", files() + ["-verify-name", "a", "-sni", "x" * 300], ["-sni", "255"]),
            ("client", files() + ["-verify-name", "a", "-handshake-timeout", "5s"], ["-handshake-timeout"]),
        ]
        wrong = []
        for role, words, named in table:
            given = " ".join(words[len(base):])[-120:]
            try:
                status, said = refused(role, *words, command="tunnel", seconds=5)
            except subprocess.TimeoutExpired:
                wrong.append(f"{role} {given}: it runs")
                continue
            first = said.split("\n")[0]
            if status != 1 or "listening" in said:
                wrong.append(f"{role} {given}: status {status}, {said[:300]!r}")
            elif [part for part in named if part not in first]:
                wrong.append(f"{role} {given}: {[part for part in named if part not in first]} not in {first!r}")
            assert "PRIVATE" not in said and "Fatal" not in said, said
        assert not wrong, "\n".join(wrong)
        # What cannot be listened on is told by its flag; and a log that cannot be had before anything listens.
        half = os.path.join(place, "half")
        for role, peers in (("server", any_client), ("client", ["-verify-name", "a"])):
            proof = ["-target", ":1", "-cert", server.cert, "-key", server.key, "-ca", ca, *peers]
            status, said = refused(role, "-listen", "unix:/nonexistent/s", *proof, command="tunnel", seconds=5)
            assert status == 1 and "-listen unix:/nonexistent/s: cannot listen" in said, said
            status, said = refused(
                role, "-listen", "unix:" + half, "-access-log", "/nonexistent/log", *proof, command="tunnel", seconds=5)
            assert status == 1 and "-access-log /nonexistent/log: " in said, said
            assert not os.path.exists(half), f"tunnel {role} leaves a unix path behind where the log cannot be had"
    for role in ("server", "client"):
        done = subprocess.run([binary(), "tunnel", role, "-h"], capture_output=True, timeout=20, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and f"Usage: warren tunnel {role}" in said and "-cert" in said, said
    status, said = refused(command="tunnel")
    assert status == 1 and "server|client" in said, said
    status, said = refused("both", command="tunnel")
    assert status == 1 and "server|client" in said, said


if __name__ == "__main__":
    scenario(run)
