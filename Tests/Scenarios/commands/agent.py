"""For scenarios about commands: an agent in development mode, an agent of canned answers, and commands run to their end."""

import contextlib
import http.server
import os
import subprocess
import threading

import agents
from support import DEADLINE, binary, folder

# Two services with sidecars, as the recorded agents had them. Nobody starts the sidecars, whose ports are not ours to take;
# so that nothing is critical, their checks follow the services.
WALKTHROUGH = {
    "agent.json": {"connect": {"manage_sidecars": False}},
    "service1.json": {"service": {"name": "service1", "port": 8081, "connect": {"sidecar_service": {
        "checks": [{"alias_service": "service1"}],
        "proxy": {"upstreams": [{"destination_name": "service2", "local_bind_port": 38082}]}}}}},
    "service2.json": {"service": {"name": "service2", "port": 8082, "connect": {"sidecar_service": {
        "checks": [{"alias_service": "service2"}]}}}},
}


class Done:
    """A command that has ended."""

    def __init__(self, process):
        self.status = process.returncode
        self.stdout = process.stdout.decode()
        self.stderr = process.stderr.decode()

    def __repr__(self):
        return f"status {self.status}\n[stdout]\n{self.stdout}[stderr]\n{self.stderr}"


def environment(**more):
    """Ours without what steers commands, and with `more`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONSUL_")}
    return {**clean, "TZ": "UTC", **more}


def command(*words, address=None, stdin=b"", cwd=None, **more):
    """Runs `warren WORDS`; `address` is the agent's, `more` are environment variables."""
    if address:
        more.setdefault("CONSUL_HTTP_ADDR", address)
    return Done(subprocess.run(
        [binary(), *words], input=stdin, capture_output=True, cwd=cwd, env=environment(**more), timeout=DEADLINE))


class Agent(agents.Agent):
    """A `warren agent -dev` with these configuration files, in a folder that goes with it."""

    def __init__(self, files=None):
        self.files = WALKTHROUGH if files is None else files

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        super().__init__(self.stack.enter_context(folder()), self.files, "-node", "node1")
        self.address = f"127.0.0.1:{self.http}"
        return super().__enter__()

    def __exit__(self, *words):
        with self.stack:
            super().__exit__(*words)

    def run(self, *words, **options):
        return command(*words, address=self.address, **options)

    def succeeds(self, *words, **options):
        done = self.run(*words, **options)
        assert done.status == 0 and not done.stderr, f"warren {' '.join(words)}: {done}"
        return done.stdout


class Canned:
    """An agent that knows these answers by heart, (method, target): (status, body), and keeps what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []

    def __enter__(self):
        canned = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                canned.requests.append((self.command, self.path, dict(self.headers.items()), body))
                status, text = canned.answers.get((self.command, self.path), (404, ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def run(self, *words, **options):
        return command(*words, address=self.address, **options)
