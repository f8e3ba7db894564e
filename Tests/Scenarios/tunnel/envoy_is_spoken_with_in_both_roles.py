"""Warren's server takes tunnels from envoy, and envoy takes Warren's: TLS 1.2 and 1.3, payloads equal by their digests."""

from peers import Envoy, check
from tunnel_support import scenario


def run():
    check(Envoy())


if __name__ == "__main__":
    scenario(run)
