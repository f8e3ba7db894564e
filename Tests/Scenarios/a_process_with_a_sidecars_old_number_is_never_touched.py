"""Records of sidecars that are gone: whoever has their number now is left alone; sidecars nobody asks for any more are stopped."""

import json
import os
import pathlib
import signal
import subprocess
import time

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        files = {"target.json": agents.service("target", hello.port), "other.json": agents.service("other", free_port())}
        with agents.Agent(path, files, data=path + "/data") as agent:
            record = pathlib.Path(path, "data", "proxy", "running", "target-proxy.json")
            until(record.exists, "a record")
            assert record.stat().st_mode & 0o777 == 0o600
            pids = agent.sidecar_pids()
            agent.signal(signal.SIGKILL)
            agent.ends()

            # The record now names a stranger, as it would if the sidecar had ended and its number been given again.
            stranger = subprocess.Popen(["sleep", "60"])
            try:
                facts = json.loads(record.read_text())
                record.write_text(json.dumps({**facts, "Pid": stranger.pid}))
                # ... and one service is no longer declared.
                (agent.configuration / "other.json").unlink()
                # The sidecar whose record was taken away holds its port; it is ours to end here.
                os.kill(pids["target-proxy"], signal.SIGKILL)
                agent.start()
                fresh = agent.sidecar_pids()["target-proxy"]
                assert fresh not in (stranger.pid, pids["target-proxy"])
                until(lambda: not agents.is_alive(pids["other-proxy"]), "a sidecar nobody asks for is stopped")
                time.sleep(0.2)
                assert stranger.poll() is None, "the stranger lives"
                until(lambda: json.loads(record.read_text())["Pid"] == fresh, "the record names the new sidecar")
                agent.put("/v1/agent/service/deregister/target")
                until(lambda: not agents.is_alive(fresh), "it ends")
                until(lambda: not record.exists(), "its record goes")
                assert stranger.poll() is None
            finally:
                stranger.kill()
                stranger.wait()
