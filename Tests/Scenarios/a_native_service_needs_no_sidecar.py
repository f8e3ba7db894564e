"""A Swift program without a sidecar is called through one and calls through another; intentions hold on both its sides."""

import pathlib
import subprocess

import agents
from support import ROOT, binary, folder, free_port, until

PLACES = [pathlib.Path(binary()).parent / "native", ROOT / ".build/debug/native", ROOT / ".build/release/native"]
NATIVE = next((place for place in PLACES if place.exists()), None)


def run():
    assert NATIVE, "no native binary: swift build --product native"
    with folder() as path, agents.Hello() as hello:
        local, port = free_port(), free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("native", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            process = subprocess.Popen(
                [NATIVE, "native", f"127.0.0.1:{port}", f"127.0.0.1:{agent.http}", "target"],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                shown = until(lambda: agent.get("/v1/agent/services").get("native"), "it registers itself")
                assert shown["Connect"] == {"Native": True} and shown["Port"] == port, shown
                until(lambda: agents.fetched(local) == "target says: hello, world!\n", "both ways through the mesh")

                def rule(source, destination):
                    return agent.put("/v1/connect/intentions", {
                        "SourceName": source, "DestinationName": destination, "Action": "deny"}, method="POST")["ID"]

                denied = rule("caller", "native")
                agents.fails(local)
                agent.put(f"/v1/connect/intentions/{denied}", method="DELETE")
                until(lambda: agents.fetched(local) == "target says: hello, world!\n", "allowed again")
                denied = rule("native", "target")
                until(lambda: (agents.fetched(local) or "").startswith("target says: make request failed"), "denied beyond")
                agent.put(f"/v1/connect/intentions/{denied}", method="DELETE")
                until(lambda: agents.fetched(local) == "target says: hello, world!\n", "allowed again")

                process.terminate()
                assert process.wait(20) == 0
                assert "native" not in agent.get("/v1/agent/services"), "it takes its registration back"
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
