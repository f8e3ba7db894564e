"""TCP, HTTP, script, TTL and alias checks: what they see and what they say."""

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        closed = free_port()
        missing = {"name": "missing", "interval": "1s", "args": ["/no/such/program"]}
        checks = [
            {"id": "tcp-good", "name": "a", "tcp": f"127.0.0.1:{hello.port}", "interval": "1s"},
            {"id": "tcp-name", "name": "a", "tcp": f"localhost:{hello.port}", "interval": "1s"},
            {"id": "tcp-bad", "name": "a", "tcp": f"127.0.0.1:{closed}", "interval": "1s"},
            {"id": "http-good", "name": "a", "http": f"http://localhost:{hello.port}/", "interval": "1s"},
            {"id": "http-bad", "name": "a", "http": f"http://127.0.0.1:{closed}/", "interval": "1s"},
            {"id": "http-tls", "name": "a", "http": f"https://127.0.0.1:{hello.port}/", "interval": "1s"},
            {"id": "script-good", "name": "a", "args": ["sh", "-c", "echo fine; exit 0"], "interval": "1s"},
            {"id": "script-warn", "name": "a", "args": ["sh", "-c", "echo hmm >&2; exit 1"], "interval": "1s"},
            {"id": "script-bad", "name": "a", "args": ["sh", "-c", "kill -9 $$"], "interval": "1s"},
            {"id": "script-long", "name": "a", "args": ["sh", "-c", "yes | head -c 1000000"], "interval": "1s"},
            {"id": "script-slow", "name": "a", "args": ["sh", "-c", "echo begun; sleep 60"], "interval": "1s",
             "timeout": "500ms"},
            {"id": "script-none", **missing},
            {"id": "ttl", "name": "a", "ttl": "1s", "status": "passing"},
            {"id": "alias", "name": "a", "alias_service": "target"},
        ]
        files = {"checks.json": {"enable_local_script_checks": True, "checks": checks},
                 "target.json": {"service": {"name": "target", "port": hello.port, "check": {
                     "tcp": f"127.0.0.1:{hello.port}", "interval": "1s"}}}}
        with agents.Agent(path, files) as agent:
            def becomes(identifier, status, *texts):
                def look():
                    check = agent.check(identifier)
                    return check["Status"] == status and all(text in check["Output"] for text in texts)
                until(look, f"{identifier} is {status} with {texts}; it is {agent.check(identifier)}")

            becomes("tcp-good", "passing", f"TCP connect 127.0.0.1:{hello.port}: Success")
            becomes("tcp-name", "passing", f"TCP connect localhost:{hello.port}: Success")
            becomes("tcp-bad", "critical", "dial tcp", "connection refused")
            becomes("http-good", "passing", f"HTTP GET http://localhost:{hello.port}/: 200 OK Output: hello, world!")
            becomes("http-bad", "critical", "Connection refused")
            becomes("http-tls", "critical", "TLS: wrong version number")
            becomes("script-good", "passing", "fine")
            becomes("script-warn", "warning", "hmm")
            becomes("script-bad", "critical")
            becomes("script-long", "passing", "Captured 4096 of 1000000 bytes")
            becomes("script-slow", "critical", "Timed out (500ms) running check", "begun")
            becomes("script-none", "critical", "/no/such/program: no such file or directory")
            becomes("ttl", "critical", "TTL expired")
            # An alias mirrors the checks of its service and of the node, of which some are critical.
            becomes("alias", "critical", "Aliased check \"a\" failing: ")
            until(lambda: "Z" not in agents.children(agent.process.pid), "ended scripts are reaped")
            # Turned off by the files, scripts are refused over the API.
            status, text, _ = agent.ask("PUT", "/v1/agent/check/register", {
                "Name": "remote", "Args": ["true"], "Interval": "10s"})
            assert status != 200 and "Scripts are disabled" in text, (status, text)
