"""Counters tell how many handshakes went over to our own record layer, and a report names what does their AES-GCM, and what came
of trying the kernel out; -accelerator off and WARREN_ACCELERATOR=off leave AES-GCM to OpenSSL."""

import subprocess

from tunnel_support import Realm, Server, binary, connect, echo, folder, read_exactly, scenario, settled, two_hops


def said(warren):
    warren.report()
    return warren.matching("record_protection=")[-1]


def one(realm, target, server, client, environment=None):
    with two_hops(realm, target, server, client, environment) as (outer, inner):
        with connect(outer.address()) as end:
            end.sendall(b"hello")
            assert read_exactly(end, 5) == b"hello"
        return settled(outer), settled(inner), said(outer), said(inner)


def run():
    with folder() as place, Server(echo) as target:
        realm = Realm(place)
        outer, inner, _, words = one(realm, target.flag, (), ("-records", "attached"))
        assert outer["target_handshakes"] == inner["client_handshakes"] == 1, (outer, inner)
        assert outer["target_detached"] == 0 and inner["client_detached"] == 1, (outer, inner)
        assert inner["target_detached"] == outer["client_detached"] == 0, (outer, inner)
        assert "record_protection=libcrypto" in words or 'record_protection="libIPSec_MB ' in words, words
        off = ("-accelerator", "off")
        for words in one(realm, target.flag, off, off)[2:]:
            assert "record_protection=libcrypto" in words, words
        for words in one(realm, target.flag, (), (), {"WARREN_ACCELERATOR": "off"})[2:]:
            assert "record_protection=libcrypto" in words, words
            assert 'kernel_tls="not tried out: ktls is off"' in words, words
        # Whatever this kernel can do, a tunnel that asked says the same as `warren version`.
        version = subprocess.run([binary(), "version"], capture_output=True, text=True, timeout=30, check=True).stdout
        verdict = version.splitlines()[-1].removeprefix("Kernel TLS ")
        assert verdict.startswith(("usable: ", "not usable: ")), version
        for words in one(realm, target.flag, ("-ktls", "auto"), ("-ktls", "auto"))[2:]:
            assert f'kernel_tls="{verdict}"' in words, (verdict, words)


if __name__ == "__main__":
    scenario(run)
