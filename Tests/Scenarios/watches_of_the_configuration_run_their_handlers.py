"""A watch's handler runs for what there is and then for each change, a program with the news on its standard input or a URL with
it as a body; without the leave to run programs only URLs hear; a reload takes watches over, and what cannot be watched is refused
by name."""

import http.server
import json
import os
import pathlib
import threading

import agents
from support import folder, until


class Hearer:
    """Takes what an HTTP handler is sent."""

    def __init__(self):
        self.heard = heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append((self.path, json.loads(body), dict(self.headers)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/heard"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def instances(news):
    """The ids of a health answer's instances."""
    return sorted(entry["Service"]["ID"] for entry in news)


def run():
    with folder() as path, Hearer() as hearer:
        place = pathlib.Path(path)
        script = place / "handler"
        # Whole or not at all, whoever reads it.
        script.write_text(f'#!/bin/sh\ncat > {path}/news.$$ && echo "$CONSUL_INDEX" >> {path}/indexes && '
                          f'mv {path}/news.$$ {path}/news; echo told\n')
        os.chmod(script, 0o755)
        watches = [
            {"type": "service", "service": "web", "args": [str(script)]},
            {"type": "services", "handler_type": "http", "http_handler_config": {
                "path": hearer.url, "header": {"x-extra": ["yes"]}}},
        ]

        def news():
            file = place / "news"
            return json.loads(file.read_text()) if file.exists() else None

        with agents.Agent(path, {"watches.json": {"enable_local_script_checks": True, "watches": watches}}) as agent:
            until(lambda: news() == [], "the handler hears that there is no instance")
            until(lambda: hearer.heard, "the URL hears of the services there are")
            assert "web" not in hearer.heard[0][1] and hearer.heard[0][2]["x-extra"] == "yes", hearer.heard
            for number in (1, 2):
                agent.put("/v1/agent/service/register", {"Name": "web", "ID": f"web-{number}", "Port": number})
            until(lambda: instances(news()) == ["web-1", "web-2"], f"the handler hears of both; it has {news()}")
            until(lambda: "web" in hearer.heard[-1][1], "the URL hears of the service")
            agent.says("agent.watch: handler ran: output=\"told")
            indexes = [int(line) for line in (place / "indexes").read_text().split()]
            assert indexes == sorted(indexes) and indexes[-1] > indexes[0] > 0, indexes
            # A reload without the watch ends it; another one begins.
            count = len(hearer.heard)
            agent.write("watches.json", {"enable_local_script_checks": True, "watches": [
                {"type": "nodes", "handler_type": "http", "http_handler_config": {"path": hearer.url + "/nodes"}}]})
            assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
            until(lambda: hearer.heard[-1][0] == "/heard/nodes", "the new watch tells what there is")
            agent.put("/v1/agent/service/register", {"Name": "web", "ID": "web-3", "Port": 3})
            agent.put("/v1/agent/service/register", {"Name": "other", "Port": 4})
            assert instances(agent.get("/v1/health/service/web")) == ["web-1", "web-2", "web-3"]
            agent.write("watches.json", {"watches": [{"type": "keyprefix", "prefix": "x", "args": ["true"]}]})
            status, text, _ = agent.ask("PUT", "/v1/agent/reload")
            assert status == 500 and 'watches[0]: type "keyprefix" cannot be watched' in text, (status, text)
            assert len(hearer.heard) == count + 1, hearer.heard[count:]
            assert instances(news()) == ["web-1", "web-2"], news()
        with agents.Agent(path, {"watches.json": {"watches": watches}}) as agent:
            agent.says("a watch whose handler is a program is not run: watch=0 type=service; enable_local_script_checks")
            count = len(hearer.heard)
            agent.put("/v1/agent/service/register", {"Name": "more", "Port": 5})
            until(lambda: len(hearer.heard) > count and "more" in hearer.heard[-1][1], "the URL hears all the same")
            assert instances(news()) == ["web-1", "web-2"], news()
