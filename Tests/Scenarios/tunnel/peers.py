"""Other programs as one end of a tunnel, over one TLS version each."""

import glob
import os
import subprocess
import sys

from tunnel_support import (
    ROOT, Peer, Realm, Server, connect, flag, folder, free_port, program, trade, trade_once, trade_with,
    tunnel_client, tunnel_server, until)

SIZES = (1, 16_384, 70_000, 3_000_000)


def written(realm, name, text):
    path = os.path.join(realm.place, name)
    with open(path, "w") as file:
        file.write(text)
    return path


class Stunnel:
    """stunnel(8)"""

    def __init__(self):
        self.path = program("stunnel4", "/usr/bin/stunnel4")

    def _start(self, realm, identity, port, target, version, role, host):
        path = written(realm, f"stunnel-{port}.conf", f"""
foreground = yes
pid =
syslog = no
debug = err
[tunnel]
client = {"yes" if role == "client" else "no"}
accept = 127.0.0.1:{port}
connect = {target}
cert = {identity.cert}
key = {identity.key}
CAfile = {realm.authority.cert}
verifyChain = yes
requireCert = yes
checkHost = {host}
{"sni = " + host if role == "client" else ""}
sslVersionMin = TLSv{version}
sslVersionMax = TLSv{version}
""")
        return Peer(self.path, path, port=port)

    def server(self, realm, port, target, version):
        return self._start(realm, realm.server, port, target, version, "server", realm.client.dns)

    def client(self, realm, port, target, version):
        return self._start(realm, realm.client, port, target, version, "client", realm.server.dns)


class Nginx:
    """nginx with its stream module"""

    # It closes without a close_notify of its own when the other side was the first to say one (RFC 5246, section 7.2.1 and
    # RFC 8446, section 6.1 want one): who still listens must not take that for a whole answer.
    silent_end = True

    def __init__(self):
        self.path = program("nginx", "/usr/sbin/nginx")
        found = glob.glob("/usr/lib/nginx/modules/ngx_stream_module.so")
        self.load = f"load_module {found[0]};" if found else ""

    def _start(self, realm, port, body):
        path = written(realm, f"nginx-{port}.conf", f"""
{self.load}
worker_processes 1;
daemon off;
master_process off;
pid {realm.place}/nginx-{port}.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
stream {{
  server {{
{body}
  }}
}}
""")
        return Peer(self.path, "-c", path, "-p", realm.place, "-e", "stderr", port=port)

    def server(self, realm, port, target, version):
        return self._start(realm, port, f"""
    listen 127.0.0.1:{port} ssl;
    proxy_pass {target};
    ssl_certificate {realm.server.cert};
    ssl_certificate_key {realm.server.key};
    ssl_client_certificate {realm.authority.cert};
    ssl_verify_client on;
    ssl_protocols TLSv{version};""")

    def client(self, realm, port, target, version):
        return self._start(realm, port, f"""
    listen 127.0.0.1:{port};
    proxy_pass {target};
    proxy_ssl on;
    proxy_ssl_certificate {realm.client.cert};
    proxy_ssl_certificate_key {realm.client.key};
    proxy_ssl_trusted_certificate {realm.authority.cert};
    proxy_ssl_verify on;
    proxy_ssl_name {realm.server.dns};
    proxy_ssl_server_name on;
    proxy_ssl_protocols TLSv{version};""")


class HAProxy:
    """HAProxy"""

    def __init__(self):
        self.path = program("haproxy", "/usr/sbin/haproxy")

    def _start(self, realm, port, bind, server):
        path = written(realm, f"haproxy-{port}.cfg", f"""
global
  maxconn 200
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend in
  bind 127.0.0.1:{port} {bind}
  default_backend out
backend out
  server one {server}
""")
        return Peer(self.path, "-db", "-f", path, port=port)

    def server(self, realm, port, target, version):
        return self._start(
            realm, port,
            f"ssl crt {realm.server.bundle} ca-file {realm.authority.cert} verify required "
            f"ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}", target)

    def client(self, realm, port, target, version):
        return self._start(
            realm, port, "",
            f"{target} ssl crt {realm.client.bundle} ca-file {realm.authority.cert} verify required "
            f"verifyhost {realm.server.dns} sni str({realm.server.dns}) "
            f"ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}")


class Envoy:
    """Envoy"""

    def __init__(self):
        self.path = program("envoy", *glob.glob("/usr/lib/python3*/site-packages/envoy/_bin/envoy"),
                            *glob.glob(f"{ROOT}/.build/peers/lib/python3*/site-packages/envoy/_bin/envoy"),
                            *glob.glob(f"{ROOT}/Benchmarks/.venv/lib/python3*/site-packages/envoy/_bin/envoy"),
                            *[os.path.join(place, "envoy/_bin/envoy") for place in sys.path if "site-packages" in place],
                            os.environ.get("ENVOY", ""))

    def _start(self, realm, port, target, downstream, upstream):
        host, number = target.rsplit(":", 1)
        path = written(realm, f"envoy-{port}.yaml", f"""
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tunnel
          cluster: out
{downstream}
  clusters:
  - name: out
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: out
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {host}, port_value: {number}}}}}}}
{upstream}
""")
        return Peer(self.path, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warn", port=port)

    @staticmethod
    def _common(realm, identity, version, uri):
        number = "TLSv1_" + version[-1]
        return (
            "{tls_params: {tls_minimum_protocol_version: %s, tls_maximum_protocol_version: %s}, tls_certificates: "
            '[{certificate_chain: {filename: "%s"}, private_key: {filename: "%s"}}], validation_context: {trusted_ca: '
            '{filename: "%s"}, match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "%s"}}]}}'
            % (number, number, identity.cert, identity.key, realm.authority.cert, uri))

    def server(self, realm, port, target, version):
        return self._start(realm, port, target, f"""
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context: {self._common(realm, realm.server, version, realm.client.uri)}""", "")

    def client(self, realm, port, target, version):
        return self._start(realm, port, target, "", f"""
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: {realm.server.dns}
        common_tls_context: {self._common(realm, realm.client, version, realm.server.uri)}""")


class GoTLS:
    """Go's crypto/tls"""

    def __init__(self):
        self.go = program("go")

    def build(self, place):
        """Compiles programs/tls_end.go, with nothing but Go's own library."""
        self.path = os.path.join(place, "tls_end")
        source = ROOT / "Tests/Scenarios/tunnel/programs/tls_end.go"
        done = subprocess.run(
            [self.go, "build", "-o", self.path, str(source)], cwd=place, capture_output=True, timeout=240,
            env={**os.environ, "GOCACHE": os.path.join(place, "go-cache"), "GOPATH": os.path.join(place, "go-path"),
                 "GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"})
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")

    def _start(self, role, realm, identity, port, target, name):
        return Peer(self.path, role, f"127.0.0.1:{port}", target, identity.cert, identity.key, realm.authority.cert, name,
                    port=port)

    def server(self, realm, port, target, version):
        assert version == "1.3", "it speaks TLS 1.3 alone"
        return self._start("server", realm, realm.server, port, target, realm.client.dns)

    def client(self, realm, port, target, version):
        assert version == "1.3", "it speaks TLS 1.3 alone"
        return self._start("client", realm, realm.client, port, target, realm.server.dns)


def check(peer):
    """Both roles, both versions, attached and detached records, several sizes; hashes compared on both ends."""
    for version in ("1.2", "1.3"):
        for records in ("auto", "attached") if version == "1.3" else ("auto",):
            with folder() as place, Server(trade) as target, Server(trade_once) as quitter:
                realm = Realm(place)
                for one, serve_first in ((target, False), (quitter, True)):
                    as_client(peer, realm, one, version, records, serve_first)
                    as_server(peer, realm, one, version, records, serve_first)
    print(f"{peer.__doc__}: both roles, TLS 1.2 and 1.3, attached and detached")


def as_client(peer, realm, target, version, records, target_ends):
    port = free_port()
    with peer.server(realm, port, target.flag, version) as other:
        with tunnel_client(realm, f"127.0.0.1:{port}", "-access-log", "-", "-records", records) as warren:
            lines = trades(warren, warren.address(), other, target_ends)
            silent = getattr(peer, "silent_end", False) and not target_ends
            look(lines, "target_tls", version, records, "target-tls-truncated" if silent else "complete")


def as_server(peer, realm, target, version, records, target_ends):
    port = free_port()
    with tunnel_server(realm, target.flag, "-access-log", "-", "-records", records) as warren:
        with peer.client(realm, port, flag(warren.address()), version) as other:
            lines = trades(warren, ("127.0.0.1", port), other, target_ends)
            silent = getattr(peer, "silent_end", False) and target_ends
            look(lines, "client_tls", version, records, "client-tls-truncated" if silent else "complete")


def trades(warren, address, other, target_ends):
    count = 3
    for _ in range(count):
        with connect(address) as end:
            try:
                for size in SIZES[-1:] if target_ends else SIZES:
                    trade_with(end, size)
                if target_ends:
                    assert end.recv(1) == b"", "bytes behind the target's end"
            except Exception as fault:
                raise AssertionError(f"{fault!r}; warren: {warren.text()}; the other: {other.text()}") from fault
    return until(lambda: len(warren.output) >= count and list(warren.output), f"{count} lines of the access log")


def look(lines, field, version, records, ending):
    for line in lines:
        assert f"{field}=TLSv{version}/" in line, line
        assert f"ending={ending} " in line, f"{line}: not {ending}"
        assert ("/detached/" if version == "1.3" and records == "auto" else "/attached/") in line, line
