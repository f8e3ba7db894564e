"""A sidecar carries bytes of any protocol: it offers none by ALPN when it calls, and chooses none when it is called, although
the other side knows h2. Both are seen from outside, by Python's TLS with leaves of the mesh."""

import pathlib
import ssl

import agents
from support import Server, connect, echo, folder, free_port, read_exactly, until


def run():
    heard = []

    def answer(end):
        try:
            with context.wrap_socket(end, server_side=True) as secure:
                heard.append((secure.selected_alpn_protocol(), secure.getpeercert(True)))
                secure.sendall(secure.recv(4))
        except OSError:
            # The agent looks whether somebody listens.
            pass

    with folder() as path, Server(echo) as plain, Server(answer) as server:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("python", local)]),
                 "target.json": agents.service("target", plain.address[1])}
        with agents.Agent(path, files) as agent:
            context = material(agent, path, "python", ssl.PROTOCOL_TLS_SERVER)
            agent.put("/v1/agent/service/register", {
                "Name": "python-proxy", "Kind": "connect-proxy", "Address": "127.0.0.1", "Port": server.address[1],
                "Proxy": {"DestinationServiceName": "python"}})
            until(lambda: word(local), "a sidecar calls Python")
            assert heard[-1][1], "with a certificate"
            assert {protocol for protocol, _ in heard} == {None}, heard

            port = until(lambda: agent.get("/v1/health/connect/target?passing"), "the target is there")[0]["Service"]["Port"]
            caller = material(agent, path, "somebody", ssl.PROTOCOL_TLS_CLIENT)
            with caller.wrap_socket(connect(("127.0.0.1", port))) as secure:
                assert secure.selected_alpn_protocol() is None, secure.selected_alpn_protocol()
                secure.sendall(b"word")
                assert read_exactly(secure, 4) == b"word"


def material(agent, path, service, side):
    """A context of Python's with the service's leaf, which speaks h2 by ALPN."""
    leaf = agent.get(f"/v1/agent/connect/ca/leaf/{service}")
    file = pathlib.Path(path, f"{service}.pem")
    file.write_text(leaf["CertPEM"] + leaf["PrivateKeyPEM"])
    context = ssl.SSLContext(side)
    context.load_cert_chain(file)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(
        cadata="".join(root["RootCert"] for root in agent.get("/v1/agent/connect/ca/roots")["Roots"]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def word(local):
    """Whether whoever is behind a local port says a word back."""
    try:
        with connect(("127.0.0.1", local)) as end:
            end.sendall(b"word")
            return end.recv(4) == b"word"
    except OSError:
        return False
