"""What Warren is to reach, row by row; each line says which promise it is."""

from .catalog import Bar

DEFAULTS = ("haproxy", "nginx", "envoy")
HOWEVER_TUNED = (*DEFAULTS, "haproxy-tuned", "nginx-tuned")
#: They share the system's OpenSSL with us.
SAME_OPENSSL = ("haproxy", "nginx", "stunnel")

# A bare C relay: what the kernel alone costs. Within 5 % of it no proxy can be much better.
FLOOR = Bar("cpu_us_per_request", ratio=1.05, against=("floor-copy",))
REQUESTS = (Bar("cpu_us_per_request", ratio=1.0), Bar("p99_us", ratio=1.0), FLOOR)


SHAPED = (Bar("off_percent", limit=3.0), Bar("jain", least=0.95))


def relay_bulk(ratio):
    return (Bar("cpu_s_per_gb", limit=0.25), Bar("cpu_s_per_gb", ratio=ratio),
            Bar("cpu_s_per_gb", ratio=1.0, against=HOWEVER_TUNED),
            Bar("cpu_path_s_per_gb", ratio=1.0, against=HOWEVER_TUNED))


def tunnel_bulk(stock, accelerated, attached):
    """Records by our own layer over stock libcrypto, over the accelerator, and left to OpenSSL."""
    return (Bar("cpu_s_per_gb", ratio=stock),
            Bar("cpu_s_per_gb", ratio=accelerated, candidate="warren-accelerated"),
            Bar("cpu_s_per_gb", ratio=attached, candidate="warren-attached"),
            Bar("cpu_s_per_gb", ratio=0.75, against=SAME_OPENSSL, candidate="warren-attached"))


#: By row. A row of several directions has the same bars in each.
BARS = {
    "relay-bulk-1-to": relay_bulk(0.6), "relay-bulk-1-from": relay_bulk(0.6),
    "relay-bulk-8-to": relay_bulk(0.4), "relay-bulk-8-from": relay_bulk(0.4),
    "relay-request-64-c1": REQUESTS, "relay-request-64-c64": REQUESTS,
    "relay-connect-c1": REQUESTS, "relay-connect-c16": REQUESTS,
    "relay-idle-9000": (Bar("kb_per_tunnel", limit=1.5),),
    "tunnel-bulk-1-to": tunnel_bulk(0.90, 0.70, 1.05), "tunnel-bulk-1-from": tunnel_bulk(0.90, 0.70, 1.05),
    "tunnel-bulk-8-to": tunnel_bulk(0.85, 0.65, 0.95), "tunnel-bulk-8-from": tunnel_bulk(0.85, 0.65, 0.95),
    "tunnel-request-64-c64": (
        Bar("cpu_us_per_request", ratio=0.75),
        Bar("cpu_us_per_request", ratio=0.85, candidate="warren-attached"),
        Bar("p50_us", ratio=1.0), Bar("p99_us", ratio=1.0)),
    "tunnel-connect-c16": (
        Bar("cpu_us_per_request", ratio=0.88, against=("envoy",)),
        Bar("cpu_us_per_request", ratio=0.95, against=("envoy",), candidate="warren-attached")),
    "tunnel-connect-full-c16": (
        Bar("cpu_us_per_request", ratio=1.0, against=("envoy",)),
        Bar("cpu_us_per_request", ratio=0.5, against=("haproxy", "nginx")),
        Bar("cpu_us_per_request", ratio=1.25, against=("envoy",), candidate="warren-attached"),
        Bar("cpu_us_per_request", ratio=0.65, against=("haproxy", "nginx"), candidate="warren-attached")),
    "tunnel-idle-9000": (Bar("kb_per_tunnel_per_hop", limit=4.0), Bar("rss_kept", limit=1.10)),
    # Flat where it should be.
    "relay-scale-9000": (Bar("cpu_us_per_request", ratio=1.2, beside="relay-scale-10"),),
    "tunnel-scale-9000": (
        Bar("p99_us", ratio=1.3, beside="tunnel-request-64-c64"),
        Bar("cpu_us_per_request", ratio=1.2, beside="tunnel-scale-10")),
    "mesh-intentions-10000": (Bar("cpu_us_per_request", ratio=1.2, beside="mesh-intentions-10"),),
    "mesh-services-10000": (
        Bar("register_us", ratio=1.5, beside="mesh-services-10"),
        Bar("notice_ms", ratio=1.5, beside="mesh-services-10"),
        Bar("answer_us", ratio=1.5, beside="mesh-services-10")),
    # The list of intentions may grow by four orders of magnitude; a decision does not see it. Of a waiter most is its
    # connection's state.
    "agent-scale": (Bar("authorize_many_us", limit=200.0), Bar("kb_per_waiter", limit=20.0)),
    # What was set is kept, either way, and shared evenly.
    **{f"{topology}-shaped-{load}": SHAPED for topology in ("relay", "mesh") for load in ("1", "100", "each-100")},
    **{f"{topology}-shaped-rate-{count}": (Bar("off_percent", limit=3.0),)
       for topology in ("relay", "mesh") for count in (1, 100)},
    # What was held by the one that fell is gone; of what came after, nothing.
    "mesh-resilience-kill": (Bar("converge_ms", limit=1000.0),),
    "mesh-resilience-stop": (Bar("converge_ms", limit=2000.0),),
    "mesh-resilience-refuse": (Bar("failed", limit=0.5),),
}
