"""What service-defaults say of a service's proxies and their upstreams holds in live sidecars as soon as it is written, over
proxy-defaults and under what a proxy's own definition says; no tunnel ends for it."""

import contextlib
import http.client

import agents
from support import folder, free_port, until


MOST = 6


def capacity(port, most=MOST):
    """How many connections are answered while all of them are kept."""
    with contextlib.ExitStack() as kept:
        for count in range(most):
            end = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            kept.callback(end.close)
            try:
                end.request("GET", "/")
                end.getresponse().read()
            except (OSError, http.client.HTTPException):
                return count
    return most


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()

        def caller(**config):
            return {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
                "upstreams": [{"destination_name": "target", "local_bind_port": local, "config": config}]}}}}}

        def target(**config):
            return {"service": {"name": "target", "port": hello.port, "connect": {"sidecar_service": {"proxy": {
                "config": config}}}}}

        with agents.Agent(path, {"caller.json": caller(), "target.json": target()}) as agent:
            agents.answers(local)
            live = http.client.HTTPConnection("127.0.0.1", local, timeout=10)

            def lives():
                live.request("GET", "/")
                assert live.getresponse().read() == hello.text

            lives()
            end = live.sock

            def write(**entry):
                assert agent.put("/v1/config", entry) is True

            def allowed(limit):
                # The live one was there before there was a limit, and counts.
                wanted = limit - 1 if limit < MOST else MOST
                until(lambda: capacity(local) == wanted, f"{wanted} connections beside the live one are let through")
                lives()
                assert live.sock is end

            allowed(6)
            # Of the callee's proxies: service-defaults over proxy-defaults, its own definition over both.
            write(Kind="proxy-defaults", Name="global", Config={"max_inbound_connections": 3})
            allowed(3)
            write(Kind="service-defaults", Name="target", MaxInboundConnections=4, LocalConnectTimeoutMs=800)
            allowed(4)
            agent.write("target.json", target(max_inbound_connections=5))
            agent.put("/v1/agent/reload")
            allowed(5)
            agent.put("/v1/config/service-defaults/target", method="DELETE")
            agent.put("/v1/config/proxy-defaults/global", method="DELETE")
            agent.write("target.json", target())
            agent.put("/v1/agent/reload")
            allowed(6)

            # Of the caller's upstreams: what is said of one over what is said of all, its own definition over both.
            write(Kind="service-defaults", Name="caller", UpstreamConfig={"Defaults": {"Limits": {"MaxConnections": 2}}})
            allowed(2)
            write(Kind="service-defaults", Name="caller", UpstreamConfig={
                "Defaults": {"Limits": {"MaxConnections": 2}}, "Overrides": [
                    {"Name": "target", "ConnectTimeoutMs": 900, "Limits": {"MaxConnections": 3},
                     "PassiveHealthCheck": {"MaxFailures": 7}}]})
            allowed(3)
            agent.write("caller.json", caller(limits={"max_connections": 4}))
            agent.put("/v1/agent/reload")
            allowed(4)
            agent.put("/v1/config/service-defaults/caller", method="DELETE")
            allowed(4)
            live.close()
