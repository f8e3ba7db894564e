"""Certificates of a run: a P-256 authority and a leaf for each end of the tunnel, made with openssl(1)."""

import os
import subprocess
from pathlib import Path

TRUST_DOMAIN = "bench.consul"


def uri(name):
    """The SPIFFE id of an end, in the form that Consul gives services."""
    return f"spiffe://{TRUST_DOMAIN}/ns/default/dc/dc1/svc/{name}"


def make(directory):
    """Writes ca.pem, and NAME.pem, NAME.key and NAME-chain.pem (both, as HAProxy wants them) for `up` and `pub`."""
    directory = Path(directory)

    def openssl(*words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words[0]} failed: {done.stderr.strip().splitlines()[-1]}")

    previous = os.umask(0o077)
    try:
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory / "ca.key")
        openssl("req", "-x509", "-new", "-key", directory / "ca.key", "-days", 30, "-subj", "/CN=Bench CA", "-out",
                directory / "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-addext", f"subjectAltName=URI:spiffe://{TRUST_DOMAIN}")
        for name in ("up", "pub"):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory / f"{name}.key")
            openssl("req", "-new", "-key", directory / f"{name}.key", "-subj", f"/CN={name}", "-out",
                    directory / f"{name}.csr")
            extensions = directory / f"{name}.ext"
            extensions.write_text(
                "basicConstraints=critical,CA:FALSE\n"
                "keyUsage=critical,digitalSignature\n"
                "extendedKeyUsage=clientAuth,serverAuth\n"
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                f"subjectAltName=URI:{uri(name)},DNS:{name}.bench\n")
            openssl("x509", "-req", "-in", directory / f"{name}.csr", "-CA", directory / "ca.pem", "-CAkey",
                    directory / "ca.key", "-CAcreateserial", "-days", 30, "-extfile", extensions, "-out",
                    directory / f"{name}.pem")
            chain = (directory / f"{name}.pem").read_text() + (directory / f"{name}.key").read_text()
            (directory / f"{name}-chain.pem").write_text(chain)
    finally:
        os.umask(previous)
