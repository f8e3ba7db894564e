"""Where the agent is Consul's, an upstream may be a prepared query or a service of another datacenter. In front of Warren's agent,
which has neither, stands one that answers a query as Consul does and leads to a datacenter dc2: both upstreams reach the
target, and what was asked is what Consul wants to be asked."""

import http.client
import http.server
import json
import threading

import agents
from support import Warren, folder, free_port


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.replace("dc=dc2", "dc=dc1")
        is_query = path.startswith("/v1/query/nearest/execute?")
        if is_query:
            path = "/v1/health/connect/target?passing"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.agent, timeout=700)
        try:
            connection.request(self.command, path, body, {
                name: value for name, value in self.headers.items() if name.lower().startswith("x-consul")})
            answer = connection.getresponse()
            text = answer.read()
            if is_query:
                text = json.dumps({
                    "Service": "target", "Nodes": json.loads(text), "DNS": {"TTL": ""}, "Datacenter": "dc1", "Failovers": 0,
                }).encode()
            elif path.startswith("/v1/discovery-chain/"):
                # Where it was asked for the other datacenter, the chain leads there.
                text = text.replace(b"dc1", b"dc2")
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower().startswith("x-consul"):
                    self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except (OSError, http.client.HTTPException):
            # The sidecar or the agent ends while it waits.
            self.close_connection = True
        finally:
            connection.close()

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


def run():
    with folder() as path, agents.Hello() as hello:
        by_query, elsewhere = free_port(), free_port()
        files = {"target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            agent.put("/v1/agent/service/register", {
                "Name": "caller", "Port": free_port(), "Connect": {"SidecarService": {"Proxy": {"Upstreams": [
                    {"DestinationType": "prepared_query", "DestinationName": "nearest", "LocalBindPort": by_query},
                    {"DestinationName": "target", "Datacenter": "dc2", "LocalBindPort": elsewhere}]}}}})
            front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
            front.daemon_threads, front.asked, front.agent = True, [], agent.http
            threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True).start()
            try:
                with Warren("proxy", "-sidecar-for", "caller", "-http-addr", f"127.0.0.1:{front.server_port}",
                            command="connect", wait=False):
                    assert agents.answers(by_query) == "hello, world!\n"
                    assert agents.answers(elsewhere) == "hello, world!\n"
            finally:
                front.shutdown()
                front.server_close()
            questions = [line for line in front.asked if line.startswith("GET /v1/query/nearest/execute?")]
            assert questions and all("connect=true" in line for line in questions), front.asked
            assert any(line.startswith("GET /v1/discovery-chain/target?compile-dc=dc2") for line in front.asked), front.asked
            assert any(line.startswith("GET /v1/health/connect/target?") and "&dc=dc2" in line.replace("?", "&")
                       for line in front.asked), front.asked
