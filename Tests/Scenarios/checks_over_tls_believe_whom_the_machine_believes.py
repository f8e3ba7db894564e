"""An https:// check passes when the certificate is for the host that was asked, or for tls_server_name, and comes from whom this
machine believes; else it is critical and says why, unless tls_skip_verify says not to look."""

import contextlib
import http.server
import ssl
import subprocess
import threading

import agents
from support import folder, until


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def authority(place, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj",
            f"/CN={name}", "-keyout", f"{place}/{name}.key", "-out", f"{place}/{name}.pem")


def certificate(place, name, issuer, names):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-addext",
            f"subjectAltName={names}", "-keyout", f"{place}/{name}.key", "-out", f"{place}/{name}.csr")
    openssl("x509", "-req", "-in", f"{place}/{name}.csr", "-CA", f"{place}/{issuer}.pem", "-CAkey", f"{place}/{issuer}.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-days", 1, "-out", f"{place}/{name}.pem")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (b"x" * 100_000) if self.path == "/long" else b"hello, " + self.headers["Host"].encode()
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/")
            body = b""
        else:
            self.send_response(503 if self.path == "/sick" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        # Clients that do not believe us are what this is about.
        pass


@contextlib.contextmanager
def serving(place=None, name=None):
    """A server on every local address, over TLS when it has a certificate; its port."""
    server = Quiet(("0.0.0.0", 0), Handler)
    if name:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{place}/{name}.pem", f"{place}/{name}.key")
        # In the connection's own thread, so that a client that says nothing holds up nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def run():
    with folder() as path:
        authority(path, "believed")
        authority(path, "stranger")
        certificate(path, "good", "believed", "DNS:localhost,IP:127.0.0.1")
        certificate(path, "strange", "stranger", "DNS:localhost,IP:127.0.0.1")
        with serving(path, "good") as good, serving(path, "strange") as strange, serving() as plain:
            urls = {
                "name": (f"https://localhost:{good}/", {}),
                "address": (f"https://127.0.0.1:{good}/", {}),
                "sick": (f"https://localhost:{good}/sick", {}),
                "moved": (f"https://localhost:{good}/moved", {}),
                "long": (f"https://localhost:{good}/long", {}),
                "other": (f"https://127.0.0.2:{good}/", {}),
                "other-named": (f"https://127.0.0.2:{good}/", {"tls_server_name": "localhost"}),
                "misnamed": (f"https://localhost:{good}/", {"tls_server_name": "elsewhere"}),
                "stranger": (f"https://localhost:{strange}/", {}),
                "stranger-skip": (f"https://localhost:{strange}/", {"tls_skip_verify": True}),
                "plain": (f"https://localhost:{plain}/", {}),
            }
            checks = [{"id": name, "name": name, "http": url, "interval": "1s", **more} for name, (url, more) in urls.items()]
            environment = {"SSL_CERT_FILE": f"{path}/believed.pem", "SSL_CERT_DIR": f"{path}/nowhere"}
            with agents.Agent(path, {"checks.json": {"checks": checks}}, environment=environment) as agent:
                for name, status, text in (
                        ("name", "passing", f"200 OK Output: hello, localhost:{good}"),
                        ("address", "passing", f"hello, 127.0.0.1:{good}"),
                        ("sick", "critical", "503 Service Unavailable"),
                        ("moved", "passing", "hello, "),
                        ("long", "passing", "xxxx"),
                        ("other", "critical", "certificate: IP address mismatch"),
                        ("other-named", "passing", "hello, "),
                        ("misnamed", "critical", "certificate: hostname mismatch"),
                        ("stranger", "critical", "certificate: unable to get local issuer certificate"),
                        ("stranger-skip", "passing", "hello, "),
                        ("plain", "critical", "TLS: wrong version number")):
                    def found(name=name, status=status, text=text):
                        check = agent.check(name)
                        return check["Status"] == status and text.lower() in check["Output"].lower()
                    until(found, f"{name} is {status} with {text!r}; it is {agent.check(name)}")
