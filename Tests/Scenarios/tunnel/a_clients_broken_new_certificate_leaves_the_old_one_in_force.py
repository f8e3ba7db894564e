"""A client whose new certificate cannot be used says why and goes on with the old one, and with the new one once it is mended."""

import os
import shutil
import ssl

from tunnel_support import (
    Realm, Server, flag, folder, hang_up, scenario, server_context, tunnel_client, until)

COMPLAINT = "certificates not taken over, the old ones stay in force"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def run():
    with folder() as place:
        realm = Realm(place)
        cert, key, roots, crl = (os.path.join(place, name) for name in ("c.pem", "k.pem", "r.pem", "l.pem"))
        old, new, first_crl = realm.client, realm.authority.issue("another"), realm.authority.crl()

        def place_files(identity):
            for source, path in ((identity.cert, cert), (identity.key, key), (realm.authority.cert, roots), (first_crl, crl)):
                shutil.copy(source, path)

        context = server_context(realm, realm.server)
        # A resumed connection shows the certificate of the one before, so none is resumed here.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0

        def tell_who(end):
            with context.wrap_socket(end, server_side=True) as secure:
                names = dict(part[0] for part in secure.getpeercert()["subject"])
                while secure.recv(1):
                    secure.sendall(names["commonName"].encode().ljust(16))

        def asks(end):
            end.sendall(b"?")
            return end.recv(16).decode().strip()

        place_files(old)
        half = open(cert).read()[:200]
        with Server(tell_who) as peer, tunnel_client(
                realm, flag(peer.address), "-crl", crl, identity=old._replace(cert=cert, key=key), ca=roots) as warren:
            def shown():
                with warren.connect() as end:
                    return asks(end)

            with warren.connect() as live:
                assert asks(live) == shown() == "client"
                breakages = [
                    (lambda: write(cert, half), [cert, "certificate chain"]),
                    (lambda: os.unlink(cert), ["-cert " + cert, "No such file"]),
                    (lambda: write(key, "nonsense"), [key, "key"]),
                    # The new certificate is there and its key is not yet.
                    (lambda: shutil.copy(new.cert, cert), [key, "match"]),
                    (lambda: write(roots, ""), ["-ca " + roots, "empty"]),
                    (lambda: write(crl, "nonsense"), [crl, "CRL"]),
                ]
                for breaks, named in breakages:
                    complaints = len(warren.matching(COMPLAINT))
                    breaks()
                    hang_up(warren)
                    until(lambda: len(warren.matching(COMPLAINT)) > complaints, f"{named} is complained about", 8)
                    line = warren.matching(COMPLAINT)[-1]
                    assert all(part in line for part in named), f"{named} are not all in {line!r}"
                    assert [shown(), asks(live)] == ["client"] * 2, f"{named}: the old certificate is not in force"
                    reads = len(warren.matching("read again"))
                    place_files(old)
                    hang_up(warren)
                    until(lambda: len(warren.matching("read again")) > reads, "the mended files are taken over")
                # Broken, and mended by the new certificate: noticed by the file's own change, without a signal.
                complaints, reads = len(warren.matching(COMPLAINT)), len(warren.matching("read again"))
                shutil.copy(new.cert, cert)
                until(lambda: len(warren.matching(COMPLAINT)) > complaints, "the half of a change is complained about", 8)
                assert shown() == "client"
                shutil.copy(new.key, key)
                until(lambda: len(warren.matching("read again")) > reads, "the new key is noticed", 8)
                assert shown() == "another", "the new certificate is not in use"
                assert asks(live) == "client", "a live tunnel ended"


if __name__ == "__main__":
    scenario(run)
