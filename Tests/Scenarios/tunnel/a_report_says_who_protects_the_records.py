"""Counters tell how many handshakes went over to our own record layer, and a report names what does their AES-GCM; -accelerator
off and WARREN_ACCELERATOR=off leave it to OpenSSL."""

from tunnel_support import Realm, Server, connect, echo, folder, read_exactly, scenario, settled, two_hops


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


if __name__ == "__main__":
    scenario(run)
