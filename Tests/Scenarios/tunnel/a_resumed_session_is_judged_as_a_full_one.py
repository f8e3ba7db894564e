"""Resumption: taken where it may be, never after roots, revocations or rules have changed, never with -resumption 0."""

import contextlib
import os
import re
import shutil
import subprocess
import time

from tunnel_support import (
    Authority, Realm, Server, echo, folder, hang_up, openssl, s_client_words, scenario, settled, tunnel_server, two_hops, until)

HELLO = b"hello from a visitor\n"
VERSIONS = ("-tls1_2", "-tls1_3")


def visit(realm, address, version, store, resume, identity=None):
    """One visit of s_client that leaves its session in `store`, or resumes the one in it: "New", "Reused" or the alert."""
    words = s_client_words(realm, address, version, "-sess_in" if resume else "-sess_out", store,
                           identity=identity or realm.client)
    words = [word for word in words if word not in ("-quiet", "-nocommands")] + ["-nocommands"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        # The session of TLS 1.3 comes with the first records after the handshake: an echo says that they were read.
        # Who was refused meanwhile is gone, and what it said is still there to be read.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(HELLO)
            process.stdin.flush()
        said = b""
        while HELLO not in said:
            piece = process.stdout.read1(65536)
            if not piece:
                break
            said += piece
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.read()
        process.wait(10)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    text = said.decode("utf-8", "replace")
    alert = re.search(r"alert ([a-z ]+)", text)
    if HELLO not in said:
        return "alert " + alert.group(1).strip() if alert else "refused"
    return "Reused" if re.search(r"^Reused, ", text, re.M) else "New"


def certain(realm, target):
    """Resumed at once, over both versions, and counted."""
    with tunnel_server(realm, target.flag) as warren:
        for number, version in enumerate(VERSIONS):
            store = os.path.join(realm.place, f"session{version}")
            assert visit(realm, warren.address(), version, store, False) == "New"
            assert visit(realm, warren.address(), version, store, True) == "Reused", version
            counters = settled(warren)
            assert counters["client_resumed"] == number + 1, counters


def never(realm, target):
    with tunnel_server(realm, target.flag, "-resumption", "0") as warren:
        for version in VERSIONS:
            store = os.path.join(realm.place, f"never{version}")
            assert visit(realm, warren.address(), version, store, False) == "New"
            if os.path.exists(store) and os.path.getsize(store):
                assert visit(realm, warren.address(), version, store, True) == "New", version
        assert settled(warren)["client_resumed"] == 0


def short(realm, target):
    """A ticket's life is -resumption, counted from the verification, which a new handshake soon after does not repeat."""
    with tunnel_server(realm, target.flag, "-resumption", "2s") as warren:
        for version in VERSIONS:
            person = realm.authority.issue("person", uri=realm.client.uri)
            store = os.path.join(realm.place, f"short{version}")
            assert visit(realm, warren.address(), version, store, False, person) == "New"
            assert visit(realm, warren.address(), version, store, True, person) == "Reused", version
            time.sleep(2.2)
            assert visit(realm, warren.address(), version, store, True, person) == "New", version
            assert visit(realm, warren.address(), version, store, False, person) == "New", version


def other_roots(realm, target):
    """Roots are replaced by a stranger's: what was resumable a moment ago is refused."""
    roots = os.path.join(realm.place, "roots.pem")
    stranger = Authority(realm.place, "Successor")
    for version in VERSIONS:
        shutil.copy(realm.authority.cert, roots)
        with tunnel_server(realm, target.flag, ca=roots) as warren:
            store = os.path.join(realm.place, f"roots{version}")
            assert visit(realm, warren.address(), version, store, False) == "New"
            assert visit(realm, warren.address(), version, store, True) == "Reused"
            shutil.copy(stranger.cert, roots)
            renewed(warren)
            assert visit(realm, warren.address(), version, store, True) == "alert unknown ca", version


def revoked(realm, target):
    """A client is revoked after its visit."""
    crl = os.path.join(realm.place, "crl.pem")
    for version in VERSIONS:
        person = realm.authority.issue("person", uri=realm.client.uri)
        shutil.copy(realm.authority.crl(), crl)
        with tunnel_server(realm, target.flag, "-crl", crl) as warren:
            store = os.path.join(realm.place, f"revoked{version}")
            assert visit(realm, warren.address(), version, store, False, person) == "New"
            assert visit(realm, warren.address(), version, store, True, person) == "Reused"
            realm.authority.revoke(person)
            shutil.copy(realm.authority.crl(), crl)
            renewed(warren)
            said = visit(realm, warren.address(), version, store, True, person)
            assert said == "alert certificate revoked", f"{version}: {said}"


def new_certificate_keeps_resumption(realm, target):
    """Only our own certificate is renewed: whom we believe is as before, and tickets stay good."""
    cert, key = os.path.join(realm.place, "mine.pem"), os.path.join(realm.place, "mine.key")
    shutil.copy(realm.server.cert, cert)
    shutil.copy(realm.server.key, key)
    with tunnel_server(realm, target.flag, identity=realm.server._replace(cert=cert, key=key)) as warren:
        for version in VERSIONS:
            store = os.path.join(realm.place, f"mine{version}")
            assert visit(realm, warren.address(), version, store, False) == "New"
            fresh = realm.authority.issue("server", uri=realm.server.uri)
            shutil.copy(fresh.key, key)
            shutil.copy(fresh.cert, cert)
            renewed(warren)
            assert visit(realm, warren.address(), version, store, True) == "Reused", version


def other_rule(realm, target):
    """A session made under a rule that admits is worth nothing under one that does not: a listener of its own, the same roots.

    Each process has ticket keys of its own, so the ticket is not even read; a full handshake is made and refused."""
    for version in VERSIONS:
        store = os.path.join(realm.place, f"rule{version}")
        with tunnel_server(realm, target.flag) as warren:
            assert visit(realm, warren.address(), version, store, False) == "New"
        with tunnel_server(realm, target.flag, "-allow-uri", "spiffe://tunnel.test/other", allow=False) as warren:
            said = visit(realm, warren.address(), version, store, True)
            assert said in ("alert access denied", "refused"), said
            assert settled(warren)["refused"] == 1


def between_warrens(realm, target):
    """Warren's client resumes at Warren's server, and not after the server came back with other ticket keys."""
    with two_hops(realm, target.flag) as (outer, inner):
        for _ in range(5):
            with outer.connect() as end:
                end.sendall(b"hello")
                assert end.recv(5) == b"hello"
        counters, others = settled(outer), settled(inner)
        assert counters["target_resumed"] == others["client_resumed"] == 4, (counters, others)
    with two_hops(realm, target.flag, client=("-resumption", "0")) as (outer, inner):
        for _ in range(3):
            with outer.connect() as end:
                end.sendall(b"hello")
                assert end.recv(5) == b"hello"
        assert settled(outer)["target_resumed"] == settled(inner)["client_resumed"] == 0


def rotated(realm, target):
    """The keys of tickets change at every lifetime, on each loop: a ticket of the last key is taken, and answered with one of
    the new key's."""
    for workers in (1, 2):
        with tunnel_server(realm, target.flag, "-resumption", "3s", "-log-level", "debug", "-workers", workers) as warren:
            stores = [os.path.join(realm.place, f"rotated{workers}.{number}") for number in range(4)]
            person = realm.authority.issue("person", uri=realm.client.uri)
            rotations(warren, 1)
            begin = time.monotonic()
            assert visit(realm, warren.address(), "-tls1_3", stores[0], False, person) == "New"
            names = {key_name(stores[0])}
            # Close enough to the end of this key's time that the ticket outlives it.
            time.sleep(max(0, 1.6 - (time.monotonic() - begin)))
            person = realm.authority.issue("person", uri=realm.client.uri)
            assert visit(realm, warren.address(), "-tls1_3", stores[1], False, person) == "New"
            assert key_name(stores[1]) in names, "a key changed before its time"
            rotations(warren, 2)
            for _ in range(4 * workers):
                assert visit(realm, warren.address(), "-tls1_3", stores[1], True, person) == "Reused"
            for number in (2, 3):
                assert visit(realm, warren.address(), "-tls1_3", stores[number], False) == "New"
                names.add(key_name(stores[number]))
                rotations(warren, number + 1)
            assert len(names) == 3, f"the keys of {workers} loops did not change: {names}"


def rotations(warren, count):
    until(lambda: len(warren.matching("session ticket keys rotated")) >= count, f"{count} rotations")


def key_name(store):
    """The first bytes of a ticket name the key that it is sealed with (RFC 5077, section 4)."""
    text = openssl("sess_id", "-in", store, "-noout", "-text").decode()
    return re.search(r"0000 - ([0-9a-f -]{47})", text).group(1)


def renewed(warren):
    before = len(warren.matching("certificates read again"))
    hang_up(warren)
    until(lambda: len(warren.matching("certificates read again")) > before, f"SIGHUP is obeyed: {warren.text()}")


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        for part in (certain, never, short, rotated, other_roots, revoked, new_certificate_keeps_resumption, other_rule,
                     between_warrens):
            part(realm, target)


if __name__ == "__main__":
    scenario(run)
