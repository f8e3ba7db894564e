"""A target that is not the one wanted is refused for its own reason, no byte of the client reaches it, the next is tried."""

import ssl
import struct
import subprocess

from tunnel_support import (
    Authority, Peer, Realm, Server, folder, free_port, joined, read_exactly, scenario, server_context, settled, tunnel_client,
    until)


class Target:
    """A TLS server that notes whether any application byte arrived, and how handshakes failed."""

    def __init__(self, context):
        self.context = context
        self.heard = b""
        self.errors = []
        self.server = Server(self._serve)
        self.flag = self.server.flag

    def _serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as end:
                while data := end.recv(65536):
                    self.heard += data
                    end.sendall(data)
        except (ssl.SSLError, OSError) as error:
            self.errors.append(str(error))

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *details):
        self.server.__exit__(*details)


def fails(realm, target, say, reason, counter, *flags, heard=None, **options):
    """A client of a tunnel whose only target must be refused sees a reset; log and counters tell why."""
    with tunnel_client(realm, target.flag, *flags, **options) as warren:
        with warren.connect() as end:
            try:
                end.sendall(b"a secret of the client")
                got = end.recv(64)
            except (ConnectionResetError, BrokenPipeError):
                got = "reset"
            assert got == "reset", f"{say}: the client saw {got!r} and not a reset"
        counters = settled(warren)
        line = warren.says("cannot connect to target")
        assert reason in line, f"{say}: {reason!r} is not in {line!r}"
        if counter:
            assert counters.get(counter) == 1, f"{say}: {counter} is not 1 in {counters}"
        assert counters["dials"] == counters["dial_failures"] == 1, counters
        assert counters["established"] == 0, counters
        assert getattr(target, "heard", b"") == b"", f"{say}: {target.heard!r} reached the target"
        if heard:
            until(lambda: any(heard in error for error in target.errors), f"{say}: {heard!r} in {target.errors}")


class Old:
    """A target that answers the hello in an old version, or by its own choice in TLS 1.2; notes what comes back."""

    def __init__(self, version):
        body = version + bytes(range(32)) + b"\0" + b"\xc0\x09" + b"\0"
        hello = struct.pack(">I", 2 << 24 | len(body)) + body
        self.answer = b"\x16" + version + struct.pack(">H", len(hello)) + hello
        self.server = Server(self._serve)
        self.flag = self.server.flag
        self.reply = None

    def _serve(self, end):
        with end:
            end.recv(65536)
            end.sendall(self.answer)
            self.reply = end.recv(64)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *details):
        self.server.__exit__(*details)


class Plain:
    """A target that does not speak TLS at all."""

    def __init__(self):
        self.server = Server(self._serve)
        self.flag = self.server.flag

    def _serve(self, end):
        with end:
            end.recv(65536)
            end.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            end.recv(1)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__(True)


def run():
    with folder() as place:
        realm = Realm(place)
        home, server = realm.authority, realm.server
        revoked = home.issue("revoked", uri=server.uri)
        home.revoke(revoked)
        fallen = home.middle("A Fallen Authority")
        below = fallen.issue("below", uri=server.uri)
        home.revoke(fallen)
        crl = joined(place, home.crl(), fallen.crl())
        table = [
            ("a stranger", Authority(place, "A Stranger").issue("server"), "wrong_authority", "UNKNOWN_CA"),
            ("an old one", home.issue("old", uri=server.uri, begins=-7200, ends=-60), "expired", "CERTIFICATE_EXPIRED"),
            ("an early one", home.issue("early", uri=server.uri, begins=3600, ends=7200), "not_yet_valid",
             "BAD_CERTIFICATE"),
            ("a revoked one", revoked, "revoked", "CERTIFICATE_REVOKED"),
            ("one of a revoked authority", below, "revoked", "CERTIFICATE_REVOKED"),
            ("a client's", home.issue("purpose", uri=server.uri, usage="clientAuth"), "wrong_purpose",
             "UNSUPPORTED_CERTIFICATE"),
        ]
        for records in ("auto", "attached"):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                for say, identity, reason, alert in table:
                    with Target(server_context(realm, identity, lowest=version, highest=version)) as target:
                        fails(realm, target, f"{say} over {version.name}", f"{reason}: ", f"target_tls_{reason}", "-crl", crl,
                              "-records", records, heard=alert)
        names(realm)
        versions(realm)
        refusals_by_the_target(realm)
        with Plain() as target:
            fails(realm, target, "plain text", "plain_text: ", "target_tls_plain_text")
        silent(realm)
        next_target(realm, table[1][1])


def names(realm):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Target(server_context(realm, realm.authority.issue("impostor"), lowest=version, highest=version)) as target:
            fails(realm, target, "wrong URI",
                  f"mismatch got spiffe://tunnel.test/impostor, want {realm.server.uri}", "target_mismatches")
            fails(realm, target, "wrong name", "want server.tunnel.test", "target_mismatches",
                  "-verify-name", "server.tunnel.test", verify=False)
    with Target(server_context(realm, realm.authority.issue("wild", dns="*.tunnel.test"))) as target:
        with tunnel_client(realm, target.flag, "-verify-name", "any.tunnel.test", verify=False) as warren:
            assert exchange(warren) == b"hello"
        target.heard = b""
        fails(realm, target, "a star for two labels", "want a.b.tunnel.test", "target_mismatches",
              "-verify-name", "a.b.tunnel.test", verify=False)
    with Target(server_context(realm, realm.server)) as target:
        with tunnel_client(realm, target.flag, "-verify-name", "SERVER.tunnel.test", verify=False) as warren:
            assert exchange(warren) == b"hello"


def versions(realm):
    context = server_context(realm, realm.server, highest=ssl.TLSVersion.TLSv1_2)
    with Target(context) as target:
        fails(realm, target, "TLS 1.2 under -min-tls 1.3", "peer_alert: the peer sent the alert protocol_version",
              "target_tls_peer_alert", "-min-tls", "1.3")
    port = free_port()
    with Peer("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet",
              "-cert", realm.server.cert, "-key", realm.server.key, port=port, stdin=subprocess.PIPE) as old:
        old.flag = f"127.0.0.1:{port}"
        fails(realm, old, "TLS 1.1", "protocol_version", "target_tls_peer_alert")
    # This one does not ask what we can do, and answers in what we did not offer.
    for version, flags in (
            (b"\3\1", ()), (b"\3\2", ()), (b"\3\2", ("-records", "attached")), (b"\3\3", ("-min-tls", "1.3"))):
        with Old(version) as old:
            fails(realm, old, f"an answer in {version.hex()}", "unsupported_version: ", "target_tls_unsupported_version", *flags)
            reply = until(lambda: old.reply, "an alert")
            assert reply[:1] == b"\x15" and reply[5:] == b"\2\x46", f"{reply!r} is not the alert protocol_version"


def refusals_by_the_target(realm):
    """The target refuses us: over TLS 1.2 in the handshake, over TLS 1.3 only after it, which the client must see too."""
    stranger = Authority(realm.place, "Another Stranger").issue("client", uri=realm.client.uri)
    with Target(server_context(realm, realm.server, highest=ssl.TLSVersion.TLSv1_2)) as target:
        fails(realm, target, "our certificate over TLS 1.2", "peer_alert: the peer sent the alert unknown_ca",
              "target_tls_peer_alert", identity=stranger)
    with Target(server_context(realm, realm.server, lowest=ssl.TLSVersion.TLSv1_3)) as target:
        with tunnel_client(realm, target.flag, "-access-log", "-", identity=stranger) as warren:
            with warren.connect() as end:
                try:
                    end.sendall(b"hello")
                    got = end.recv(64)
                except (ConnectionResetError, BrokenPipeError):
                    got = "reset"
                assert got == "reset", got
            line = until(lambda: list(warren.output), "the access log")[0]
            # This target closes with our bytes unread, and the reset that makes can overtake its alert.
            assert "ending=target-tls-peer_alert" in line or "ending=target-reset" in line, line


def silent(realm):
    """A target that accepts and says nothing is given up after -connect-timeout."""
    with Server(lambda end: end.recv(1 << 20) and end.recv(1)) as target:
        with tunnel_client(realm, target.flag, "-connect-timeout", "500ms", "-access-log", "-") as warren:
            with warren.connect() as end:
                try:
                    assert end.recv(1) == "reset"
                except ConnectionResetError:
                    pass
            assert "no answer to the TLS handshake" in warren.says("cannot connect to target")
            line = until(lambda: list(warren.output), "the access log")[0]
            assert "ending=target-handshake-timeout" in line, line


def next_target(realm, expired):
    with Target(server_context(realm, expired)) as bad, Target(server_context(realm, realm.server)) as good:
        with tunnel_client(realm, bad.flag, "-target", good.flag) as warren:
            for _ in range(6):
                assert exchange(warren) == b"hello"
            counters = settled(warren)
            assert counters["established"] == 6 and counters["target_tls_expired"] >= 1, counters
            assert counters["target_tls_expired"] < 6, f"a target that was refused is tried each time: {counters}"
            assert bad.heard == b""


def exchange(warren):
    with warren.connect() as end:
        end.sendall(b"hello")
        return read_exactly(end, 5)


if __name__ == "__main__":
    scenario(run)
