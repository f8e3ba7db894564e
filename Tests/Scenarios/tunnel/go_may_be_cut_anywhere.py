"""Between Warren and Go's crypto/tls a tunnel may be cut anywhere, in both roles."""

from cutting import check_peer
from peers import GoTLS
from tunnel_support import scenario


def run():
    check_peer(GoTLS())


if __name__ == "__main__":
    scenario(run)
