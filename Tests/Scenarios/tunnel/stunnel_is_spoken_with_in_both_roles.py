"""Warren's server takes tunnels from stunnel, and stunnel takes Warren's: TLS 1.2 and 1.3, payloads equal by their digests."""

from peers import Stunnel, check
from tunnel_support import scenario


def run():
    check(Stunnel())


if __name__ == "__main__":
    scenario(run)
