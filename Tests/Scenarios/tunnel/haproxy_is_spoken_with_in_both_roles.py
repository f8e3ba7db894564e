"""Warren's server takes tunnels from haproxy, and haproxy takes Warren's: TLS 1.2 and 1.3, payloads equal by their digests."""

from peers import HAProxy, check
from tunnel_support import scenario


def run():
    check(HAProxy())


if __name__ == "__main__":
    scenario(run)
