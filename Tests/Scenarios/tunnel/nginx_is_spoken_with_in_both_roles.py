"""Warren's server takes tunnels from nginx, and nginx takes Warren's: TLS 1.2 and 1.3, payloads equal by their digests."""

from peers import Nginx, check
from tunnel_support import scenario


def run():
    check(Nginx())


if __name__ == "__main__":
    scenario(run)
