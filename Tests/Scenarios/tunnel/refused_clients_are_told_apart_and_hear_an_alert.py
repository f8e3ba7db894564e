"""Each client that must not come in is refused for its own reason: log, counter, alert; and nothing behind is dialled."""

import re
import ssl
import subprocess

from tunnel_support import (
    Authority, Realm, Server, client_context, echo, folder, joined, outcome, read_all, s_client_words, scenario,
    settled, tunnel_server, until)

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def refused(warren, target, say, reason, counter, alerts, text, knock):
    """One refusal: what the client heard, what the log says, which counters moved, and that the target heard nothing."""
    before, dialled, begin = settled(warren), target.served, len(warren.log)
    heard = knock()
    assert heard in alerts, f"{say}: the client heard {heard!r}, not one of {alerts}"
    line = until(lambda: warren.matching(text, warren.log[begin:]), f"{say}: a line with {text!r}; {warren.text()}")[-1]
    assert reason in line, f"{say}: {reason!r} is not in {line!r}"
    after = settled(warren)
    moved = {name for name in after if after[name] != before.get(name, 0)}
    assert after.get(counter, 0) == before.get(counter, 0) + 1, f"{say}: {counter} did not move, but {moved}"
    others = {name for name in moved if name.startswith("client_tls_") and name != counter}
    assert not others, f"{say}: {others} moved as well"
    assert after["dials"] == before["dials"] == dialled, f"{say}: the target was dialled"
    assert target.served == dialled, f"{say}: the target was reached"


def plain(warren):
    with warren.connect() as end:
        end.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            return "bytes" if read_all(end) else "closed"
        except ConnectionResetError:
            return "reset"


def old(realm, warren, version):
    done = subprocess.run(
        s_client_words(realm, warren.address(), version, "-cipher", "ALL:@SECLEVEL=0", identity=realm.client),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    said = done.stderr.decode()
    found = re.search(r"alert ([a-z ]+)", said)
    return "alert " + found.group(1).strip().replace(" ", "_") if found else f"status {done.returncode}: {said[:300]}"


def run():
    with folder() as place:
        realm = Realm(place)
        home, stranger = realm.authority, Authority(place, "A Stranger")
        client = realm.client
        people = {
            "stranger": stranger.issue("client"),
            "old": home.issue("old", uri=client.uri, begins=-7200, ends=-60),
            "early": home.issue("early", uri=client.uri, begins=3600, ends=7200),
            "revoked": home.issue("revoked", uri=client.uri),
            "other": home.issue("other"),
            "purpose": home.issue("purpose", uri=client.uri, usage="serverAuth"),
        }
        home.revoke(people["revoked"])
        fallen, standing = home.middle("A Fallen Authority"), home.middle("A Standing Authority")
        people["below"] = fallen.issue("below", uri=client.uri)
        people["standing"] = standing.issue("standing", uri=client.uri)
        home.revoke(fallen)
        crl = joined(place, home.crl(), fallen.crl(), standing.crl())
        for records in ("auto", "attached"):
            with Server(echo) as target:
                with tunnel_server(realm, target.flag, "-crl", crl, "-records", records) as warren:
                    good = client_context(realm, client)
                    assert outcome(good, warren.address()) == "served"
                    assert outcome(client_context(realm, people["standing"]), warren.address()) == "served"
                    for version, name in ((TLS12, "TLS 1.2"), (TLS13, "TLS 1.3")):
                        certificates(realm, warren, target, people, version, name)
                    refused(warren, target, "plain text", "reason=plain_text", "client_tls_plain_text", ["closed"],
                            "client's TLS handshake failed", lambda: plain(warren))
                    for version in ("-tls1", "-tls1_1"):
                        refused(warren, target, version, "reason=unsupported_version", "client_tls_unsupported_version",
                                ["alert protocol_version"], "client's TLS handshake failed",
                                lambda version=version: old(realm, warren, version))
                with tunnel_server(realm, target.flag, "-min-tls", "1.3", "-records", records) as warren:
                    target.served = 0
                    refused(warren, target, "TLS 1.2 under -min-tls 1.3", "reason=unsupported_version",
                            "client_tls_unsupported_version", ["alert protocol_version"],
                            "client's TLS handshake failed", lambda: old(realm, warren, "-tls1_2"))
                    assert outcome(client_context(realm, client), warren.address()) == "served"
                target.served = 0
                with tunnel_server(realm, target.flag, "-allow-dns", "*.friends.test", allow=False) as warren:
                    refused(warren, target, "wrong DNS name", "rule=", "refused", ["alert access_denied"],
                            "client refused", lambda: outcome(client_context(realm, client), warren.address()))
                    friend = home.issue("friend", dns="a.friends.test")
                    assert outcome(client_context(realm, friend), warren.address()) == "served"


def certificates(realm, warren, target, people, version, name):
    failed = "client's TLS handshake failed"
    table = [
        ("stranger", "wrong_authority", ["alert unknown_ca"]),
        ("old", "expired", ["alert certificate_expired"]),
        ("early", "not_yet_valid", ["alert bad_certificate"]),
        ("revoked", "revoked", ["alert certificate_revoked"]),
        ("below", "revoked", ["alert certificate_revoked"]),
        ("purpose", "wrong_purpose", ["alert unsupported_certificate"]),
        (None, "no_certificate",
         ["alert certificate_required"] if version == TLS13 else ["alert handshake_failure"]),
    ]
    for who, reason, alerts in table:
        context = client_context(realm, people[who] if who else None, lowest=version, highest=version)
        refused(warren, target, f"{who} over {name}", f"reason={reason}", f"client_tls_{reason}", alerts, failed,
                lambda: outcome(context, warren.address()))
    context = client_context(realm, people["other"], lowest=version, highest=version)
    # TLS 1.2 has no way to send an alert of ours after its handshake: OpenSSL ends it with close_notify.
    refused(warren, target, f"wrong URI over {name}", "peer=spiffe://tunnel.test/other", "refused",
            ["alert access_denied"] if version == TLS13 else ["closed"], "client refused",
            lambda: outcome(context, warren.address()))


if __name__ == "__main__":
    scenario(run)
