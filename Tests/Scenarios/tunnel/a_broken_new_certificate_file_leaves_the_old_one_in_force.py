"""A new file that cannot be used is refused with a sentence, by SIGHUP and by its time, and the old one serves on."""

import os
import shutil

from tunnel_support import (
    Realm, Server, client_context, echo, folder, hang_up, outcome, scenario, shake, tunnel_server, until)

COMPLAINT = "certificates not taken over, the old ones stay in force"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        cert, key, roots, crl = (os.path.join(place, name) for name in ("c.pem", "k.pem", "r.pem", "l.pem"))

        def mend():
            shutil.copy(realm.server.cert, cert)
            shutil.copy(realm.server.key, key)
            shutil.copy(realm.authority.cert, roots)
            shutil.copy(first_crl, crl)

        first_crl = realm.authority.crl()
        mend()
        good = client_context(realm, realm.client)
        half = open(cert).read()[:200]
        with tunnel_server(realm, target.flag, "-crl", crl, identity=realm.server._replace(cert=cert, key=key),
                           ca=roots) as warren:
            with shake(good, warren.address()) as live:
                breakages = [
                    (lambda: write(cert, ""), ["-cert " + cert, "empty"]),
                    (lambda: write(cert, half), [cert, "certificate chain"]),
                    (lambda: os.unlink(cert), ["-cert " + cert, "No such file"]),
                    (lambda: write(key, "nonsense"), [key, "key"]),
                    (lambda: shutil.copy(realm.client.key, key), [key, "match"]),
                    (lambda: write(roots, ""), ["-ca " + roots, "empty"]),
                    (lambda: write(roots, open(roots).read() + half), [roots, "roots"]),
                    (lambda: write(crl, ""), ["-crl " + crl, "empty"]),
                    (lambda: write(crl, "nonsense"), [crl, "CRL"]),
                ]
                for number, (breaks, named) in enumerate(breakages):
                    for by_signal in (True, False) if number in (1, 4) else (True,):
                        complaints = len(warren.matching(COMPLAINT))
                        breaks()
                        if by_signal:
                            hang_up(warren)
                        # Without a signal it is the file's own change that is noticed, within a few seconds.
                        until(lambda: len(warren.matching(COMPLAINT)) > complaints, f"{named} is complained about", 8)
                        line = warren.matching(COMPLAINT)[-1]
                        assert all(part in line for part in named), f"{named} are not all in {line!r}"
                        assert outcome(good, warren.address()) == "served", f"{named}: the old one does not serve"
                        live.sendall(b"on")
                        assert live.recv(2) == b"on", f"{named}: a live tunnel ended"
                        mend()
                        reads = len(warren.matching("read again"))
                        hang_up(warren)
                        until(lambda: len(warren.matching("read again")) > reads, "the mended file is taken over")
                assert outcome(good, warren.address()) == "served"


if __name__ == "__main__":
    scenario(run)
