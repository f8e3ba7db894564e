"""Between Warren and BoringSSL, Envoy's, a tunnel may be cut anywhere, in both roles."""

from cutting import check_peer
from peers import Envoy
from tunnel_support import scenario


def run():
    check_peer(Envoy())


if __name__ == "__main__":
    scenario(run)
