"""Every candidate by name."""

from .mesh import Consul
from .ours import MODES, Floor, Warren
from .rivals import Envoy, HAProxy, Nginx, Stunnel

PEERS = {
    "haproxy": lambda: HAProxy("haproxy"),
    "nginx": lambda: Nginx("nginx"),
    "envoy": lambda: Envoy("envoy"),
    "stunnel": lambda: Stunnel("stunnel"),
    "consul": lambda: Consul("consul"),
    "haproxy-tuned": lambda: HAProxy("haproxy-tuned", tuned=True),
    "nginx-tuned": lambda: Nginx("nginx-tuned", tuned=True),
    "floor-splice": lambda: Floor("splice"),
    "floor-copy": lambda: Floor("copy"),
}


def make(name, warren):
    """The candidate of that name; `warren` is the binary of ours."""
    return Warren(warren, name) if name in MODES else PEERS[name]()
