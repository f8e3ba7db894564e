"""Leaf certificates, then the root, are replaced under load, on one loop and on two: no request fails, no long tunnel is cut."""

import os
import re
import ssl
import threading
import time

from tunnel_support import (
    Authority, Identity, Realm, Server, client_context, digest, echo, folder, hang_up, openssl, payload, read_exactly, scenario,
    settled, shake, tunnel_client, tunnel_server, until)


def place_file(path, *sources):
    """As careful people do it: written beside, then renamed."""
    with open(path + ".new", "w") as file:
        for source in sources:
            file.write(open(source).read())
    os.rename(path + ".new", path)


class Files:
    """What a hop reads: a certificate, its key and the roots, under names that stay."""

    def __init__(self, place, name, identity, *roots):
        self.cert, self.key, self.roots = (os.path.join(place, f"{name}.{kind}") for kind in ("pem", "key", "roots"))
        self.use(identity)
        self.believe(*roots)
        self.identity = Identity(self.cert, self.key, name, identity.uri, identity.dns, "")

    def use(self, identity):
        place_file(self.key, identity.key)
        place_file(self.cert, identity.cert)

    def believe(self, *authorities):
        place_file(self.roots, *[authority.cert for authority in authorities])


class Load:
    """Short requests one after another on some threads, and tunnels that stay; counts what goes wrong."""

    def __init__(self, warren):
        self.warren = warren
        self.done, self.failures, self.stop = 0, [], False
        self.threads = [threading.Thread(target=self._short, args=(number,), daemon=True) for number in range(4)]
        self.threads += [threading.Thread(target=self._long, args=(number,), daemon=True) for number in range(4)]
        self.beats = [0] * 4

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def _short(self, number):
        while not self.stop:
            try:
                with self.warren.connect() as end:
                    data = payload(2000, seed=self.done)
                    end.sendall(data)
                    assert digest(read_exactly(end, 2000)) == digest(data)
                self.done += 1
            except Exception as fault:  # noqa: BLE001
                self.failures.append(repr(fault))
            time.sleep(0.002)

    def _long(self, number):
        try:
            with self.warren.connect() as end:
                while not self.stop:
                    end.sendall(b"beat")
                    assert read_exactly(end, 4) == b"beat"
                    self.beats[number] += 1
                    time.sleep(0.01)
        except Exception as fault:  # noqa: BLE001
            self.failures.append(f"a long tunnel: {fault!r}")

    def __exit__(self, kind, *_):
        self.stop = True
        for thread in self.threads:
            thread.join(30)


def serial(realm, warren, roots):
    """The serial number of the certificate that new handshakes get."""
    with shake(client_context(realm, realm.client, ca=roots), warren.address()) as end:
        number = end.getpeercert()["serialNumber"]
        end.unwrap()
        return number


def certificate_serial(identity):
    return openssl("x509", "-in", identity.cert, "-noout", "-serial").decode().strip().split("=")[1]


def accepted_by_loop(warren):
    """How many connections each worker took, by its number, as the last reports say."""
    warren.counters()
    lines = (re.search(r"\bworker=(\d+)\b.*\baccepted=(\d+)", line) for line in warren.matching(r": counters: "))
    return {found.group(1): int(found.group(2)) for found in lines}


def all_get(realm, warren, roots, wanted):
    """Whether every one of some handshakes, whichever loop takes it, gets the certificate with this serial number."""
    return all(serial(realm, warren, roots) == wanted for _ in range(6))


def rotate(workers):
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        old, new = realm.authority, Authority(place, "The Next Root")
        server_files = Files(place, "server", realm.server, old)
        client_files = Files(place, "client", realm.client, old)
        with tunnel_server(realm, target.flag, "-workers", workers, identity=server_files.identity,
                           ca=server_files.roots) as inner:
            address = inner.address()
            with tunnel_client(realm, f"{address[0]}:{address[1]}", "-resumption", "0", "-workers", workers,
                               identity=client_files.identity, ca=client_files.roots) as outer:
                with Load(outer) as load:
                    until(lambda: load.done > 20 and min(load.beats) > 5, "the load runs")
                    for number in range(4):
                        next_server = old.issue("server", uri=realm.server.uri)
                        next_client = old.issue("client", uri=realm.client.uri)
                        server_files.use(next_server)
                        client_files.use(next_client)
                        if number % 2:
                            reads = len(inner.matching("read again"))
                            hang_up(inner)
                            hang_up(outer)
                            until(lambda: len(inner.matching("read again")) > reads, "SIGHUP is obeyed")
                        wanted = certificate_serial(next_server)
                        until(lambda: all_get(realm, inner, old.cert, wanted),
                              "new handshakes get the new certificate", 8)
                    # The root: both are believed, then certificates of the new one are used, then the old one goes.
                    for files in (server_files, client_files):
                        files.believe(old, new)
                    taken(inner, outer)
                    next_server = new.issue("server", uri=realm.server.uri)
                    server_files.use(next_server)
                    client_files.use(new.issue("client", uri=realm.client.uri))
                    taken(inner, outer)
                    for files in (server_files, client_files):
                        files.believe(new)
                    taken(inner, outer)
                    done, beats = load.done, list(load.beats)
                    until(lambda: load.done > done + 50 and all(
                        now > before + 10 for now, before in zip(load.beats, beats)), "the load goes on")
                assert not load.failures, f"{len(load.failures)} of {load.done} failed: {load.failures[:3]}\n{outer.text()}"
                counters, others = settled(outer), settled(inner)
                assert counters["dial_failures"] == counters["broken"] == others["broken"] == others["cut"] == 0, counters
                assert not [name for name in {**counters, **others} if "_tls_" in name], (counters, others)
                if workers > 1:
                    # Otherwise two loops were one.
                    for warren in (inner, outer):
                        served = accepted_by_loop(warren)
                        assert len(served) == workers and min(served.values()) > 0, f"each loop's connections: {served}"
                print(f"-workers {workers}: {load.done} requests and {sum(load.beats)} beats on 4 long tunnels over 7 rotations: "
                      "none failed")
                # The old root is no longer believed.
                try:
                    with shake(client_context(realm, realm.client, ca=new.cert), inner.address(), b"x") as end:
                        assert not end.recv(1), "a client of the old root is let in"
                except ssl.SSLError as error:
                    assert "UNKNOWN_CA" in str(error), error


def run():
    for workers in (1, 2):
        rotate(workers)


def taken(*warrens):
    """Waits until each has taken the changed files over, by SIGHUP."""
    for warren in warrens:
        reads = len(warren.matching("read again"))
        hang_up(warren)
        until(lambda: len(warren.matching("read again")) > reads, "SIGHUP is obeyed")


if __name__ == "__main__":
    scenario(run)
