"""monitor streams lines, leave ends everything with status 0, the pid file comes and goes, a second signal ends at once."""

import http.client
import json
import os
import pathlib
import signal
import threading

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        pid_file = pathlib.Path(path) / "agent.pid"
        scratch = pathlib.Path(path) / "tmp"
        scratch.mkdir()
        with agents.Agent(path, files, "-pid-file", str(pid_file), environment={"TMPDIR": str(scratch)}) as agent:
            agents.answers(local)
            assert int(pid_file.read_text()) == agent.process.pid
            folders = os.listdir(scratch)
            assert len(folders) == 1 and (scratch / folders[0]).stat().st_mode & 0o777 == 0o700, folders
            logs = {file.name: file.stat().st_mode & 0o777 for file in (scratch / folders[0] / "logs").iterdir()}
            assert logs == {f"{name}-proxy-{stream}.log": 0o600 for name in ("caller", "target")
                            for stream in ("stdout", "stderr")}, logs

            lines = []
            monitor = http.client.HTTPConnection("127.0.0.1", agent.http, timeout=20)
            monitor.request("GET", "/v1/agent/monitor?loglevel=debug")
            answer = monitor.getresponse()
            assert answer.status == 200
            reader = threading.Thread(target=lambda: lines.extend(iter(answer.readline, b"")), daemon=True)
            reader.start()
            agent.get("/v1/agent/checks")
            until(lambda: any(b"[DEBUG] agent.http: Request finished: method=GET url=/v1/agent/checks" in line
                              for line in lines), "a monitor sees requests")
            assert agent.ask("GET", "/v1/agent/monitor?loglevel=loud")[0] == 400

            blocked = {}
            waiter = threading.Thread(target=lambda: blocked.update(
                answer=agent.ask("GET", "/v1/catalog/services?index=99999&wait=60s")), daemon=True)
            waiter.start()
            until(lambda: int(agent.get("/v1/agent/self")["Stats"]["warren"]["blocked_queries"]) > 4, "it waits")
            pids = agent.sidecar_pids()
            status, text, _ = agent.ask("PUT", "/v1/agent/leave")
            assert (status, text) == (200, ""), (status, text)
            assert agent.ends() == 0, agent.text()
            assert not any(agents.is_alive(pid) for pid in pids.values())
            assert not pid_file.exists() and os.listdir(scratch) == []
            waiter.join(5)
            assert blocked["answer"][0] == 200, "who waits is answered before the end"
            reader.join(5)
            assert not reader.is_alive(), "a monitor's stream ends"
            assert any("code=0" in line for line in agent.output), agent.text()

            # JSON, at the level asked for; and signals.
            agent.words += ["-log-json", "-log-level", "warn"]
            agent.waits = False
            agent.start()
            until(lambda: agents.fetched(local), "it runs")
            agent.put("/v1/agent/service/deregister/nobody")
            until(lambda: agent.output, "a line")
            line = json.loads(agent.output[0])
            assert line["@level"] == "warn" and line["@module"] == "agent" and "nobody" in line["@message"], line
            agent.signal(signal.SIGTERM)
            assert agent.ends() == 1
            assert os.listdir(scratch) == []
