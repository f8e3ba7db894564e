"""Whom -allow-any-verified admits, by which name a target is verified, which name (SNI) and protocols (ALPN) a handshake shows:
as Python's TLS on the other side sees them."""

import contextlib
import socket
import ssl
import struct

from tunnel_support import (
    Authority, Realm, Server, client_context, echo, folder, outcome, read_exactly, scenario, server_context, settled, shake,
    tunnel_client, tunnel_server, until)

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
SERVER_NAME, PROTOCOLS = 0, 16


class Watcher:
    """A TLS target that notes what each hello shows, what was chosen, and what application bytes came."""

    def __init__(self, realm, identity, speaks=()):
        self.context = server_context(realm, identity)
        self.context.sni_callback = lambda end, name, context: self.names.append(name)
        if speaks:
            self.context.set_alpn_protocols(speaks)
        self.hellos, self.names, self.chosen, self.heard = [], [], [], b""
        self.server = Server(self._serve)
        self.port = self.server.address[1]

    def _serve(self, raw):
        with raw, contextlib.suppress(ssl.SSLError, ConnectionError):
            self.hellos.append(extensions(raw))
            with self.context.wrap_socket(raw, server_side=True) as end:
                self.chosen.append(end.selected_alpn_protocol())
                while data := end.recv(64):
                    self.heard += data
                    end.sendall(data)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *details):
        self.server.__exit__(*details)


def extensions(raw):
    """The ClientHello's extensions by number; the bytes stay where they are. RFC 8446, sections 4.1.2 and 5.1."""
    head = raw.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    size = struct.unpack(">H", head[3:5])[0]
    hello = raw.recv(5 + size, socket.MSG_PEEK | socket.MSG_WAITALL)[5:]
    assert head[0] == 22 and hello[0] == 1, "not a ClientHello"
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack_from(">H", hello, at)[0]
    at += 1 + hello[at]
    end = at + 2 + struct.unpack_from(">H", hello, at)[0]
    at += 2
    found = {}
    while at < end:
        kind, length = struct.unpack_from(">HH", hello, at)
        found[kind] = hello[at + 4:at + 4 + length]
        at += 4 + length
    return found


def any_verified(realm):
    home = realm.authority
    admitted = [realm.client, home.issue("whoever", uri="spiffe://elsewhere.test/x", dns="x.elsewhere.test"),
                home.middle("Between").issue("below")]
    stranger = Authority(realm.place, "A Stranger").issue("client", uri=realm.client.uri)
    old = home.issue("old", begins=-7200, ends=-60)
    for records in ("auto", "attached"):
        with Server(echo) as target, tunnel_server(
                realm, target.flag, "-allow-any-verified", "-records", records, allow=False) as warren:
            for version in VERSIONS:
                def fares(identity):
                    return outcome(client_context(realm, identity, lowest=version, highest=version), warren.address())

                before = target.served
                for identity in admitted:
                    assert fares(identity) == "served", f"{identity.name} over {version.name} is verified, and refused"
                assert target.served == before + len(admitted)
                assert fares(stranger) == "alert unknown_ca"
                assert fares(old) == "alert certificate_expired"
                assert fares(None) in ("alert certificate_required", "alert handshake_failure")
                assert target.served == before + len(admitted), "the target heard of one that is not verified"
            counters = settled(warren)
            for reason in ("wrong_authority", "expired", "no_certificate"):
                assert counters[f"client_tls_{reason}"] == len(VERSIONS), counters
            assert counters["refused"] == 0, counters


def says(warren):
    """What comes back to a word through a tunnel's client: the word, or "refused"."""
    with warren.connect() as end:
        try:
            end.sendall(b"hello")
            return read_exactly(end, 5)
        except (ConnectionResetError, BrokenPipeError):
            return "refused"


def shown(realm, watcher, host, *flags, verify=False):
    """What a target sees of one connection that goes well: the SNI."""
    with tunnel_client(realm, f"{host}:{watcher.port}", *flags, verify=verify) as warren:
        before = len(watcher.names)
        assert says(warren) == b"hello", warren.text()
        assert len(watcher.names) == before + 1, watcher.names
        name, raw = watcher.names[-1], watcher.hellos[-1].get(SERVER_NAME)
        coded = name and name.encode()
        assert raw == (coded and struct.pack(">HBH", len(coded) + 3, 0, len(coded)) + coded), f"{raw!r} for {name!r}"
        return name


def targets(realm):
    """A target is verified by -verify-name or its host name, whatever -sni says; -sni says only what is shown."""
    server, local = realm.server, realm.authority.issue("local", dns="localhost")
    with Watcher(realm, local) as watcher:
        assert shown(realm, watcher, "localhost") == "localhost"
        assert shown(realm, watcher, "localhost", "-sni", "shown.test") == "shown.test"
        assert shown(realm, watcher, "localhost", "-verify-uri", local.uri) == "localhost"
        assert shown(realm, watcher, "127.0.0.1", "-verify-name", "localhost") == "localhost"
        assert shown(realm, watcher, "127.0.0.1", "-verify-uri", local.uri) is None
        assert shown(realm, watcher, "127.0.0.1", "-verify-uri", local.uri, "-sni", "a.b.test") == "a.b.test"
        watcher.heard = b""
        for flags, wanted in ((("-sni", "localhost", "-verify-name", "other.test"), "other.test"),
                              (("-sni", "localhost", "-verify-uri", server.uri), server.uri)):
            mismatch(realm, watcher, "localhost", wanted, *flags)
            assert watcher.names[-1] == "localhost", watcher.names
    with Watcher(realm, server) as watcher:
        assert shown(realm, watcher, "localhost", "-verify-name", server.dns) == server.dns
        assert shown(realm, watcher, "localhost", "-verify-name", server.dns, "-sni", "x.test") == "x.test"
        watcher.heard = b""
        mismatch(realm, watcher, "localhost", "localhost")
        mismatch(realm, watcher, "localhost", "localhost", "-sni", server.dns)


def mismatch(realm, watcher, host, wanted, *flags):
    with tunnel_client(realm, f"{host}:{watcher.port}", *flags, verify=False) as warren:
        assert says(warren) == "refused", f"{flags}: a target with another name was believed"
        assert f"want {wanted}" in warren.says("cannot connect to target")
        assert settled(warren)["target_mismatches"] == 1
    assert watcher.heard == b"", "a byte of the client reached a target with another name"


def protocols(realm):
    """-alpn: a client shows all in order, or none; a server takes its own first that the client has, or goes without."""
    for flags, speaks, offered, chosen in (
            ((), ["h2"], None, None),
            (("-alpn", "one"), ["h2"], [b"one"], None),
            (("-alpn", "one", "-alpn", "h2"), ["h2", "one"], [b"one", b"h2"], "h2"),
            (("-alpn", "h2", "-alpn", "x" * 255), ["x" * 255], [b"h2", b"x" * 255], "x" * 255)):
        with Watcher(realm, realm.server, speaks) as watcher, tunnel_client(realm, f"127.0.0.1:{watcher.port}", *flags) as warren:
            assert says(warren) == b"hello", warren.text()
            names = b"".join(bytes([len(name)]) + name for name in offered or ())
            assert watcher.hellos[0].get(PROTOCOLS) == (offered and struct.pack(">H", len(names)) + names), watcher.hellos
            until(lambda: watcher.chosen, "the handshake's outcome")
            assert watcher.chosen == [chosen], watcher.chosen
    for flags, offered, chosen in (
            ((), ["h2", "one"], None), (("-alpn", "one"), [], None), (("-alpn", "one"), ["h2"], None),
            (("-alpn", "one", "-alpn", "h2"), ["h2", "one"], "one"), (("-alpn", "one", "-alpn", "h2"), ["x", "h2"], "h2")):
        with Server(echo) as target, tunnel_server(realm, target.flag, *flags) as warren:
            for version in VERSIONS:
                context = client_context(realm, realm.client, lowest=version, highest=version)
                if offered:
                    context.set_alpn_protocols(offered)
                with shake(context, warren.address(), b"hello") as end:
                    assert end.recv(5) == b"hello"
                    assert end.selected_alpn_protocol() == chosen, f"{end.selected_alpn_protocol()} of {offered}, {flags}"


def run():
    with folder() as place:
        realm = Realm(place)
        for part in (any_verified, targets, protocols):
            part(realm)


if __name__ == "__main__":
    scenario(run)
