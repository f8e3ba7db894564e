"""While wrk runs through the mesh the root is replaced, leaves run out, the agent is killed, files are reloaded: all is served."""

import signal
import subprocess
import time

import agents
from support import folder, free_port, until

SECONDS = 12


def run():
    with folder() as path, agents.Hello() as hello:
        local, other, port = free_port(), free_port(), free_port()
        # Leaves of the shortest life that is allowed are not needed to see one replaced: a new root replaces each at once.
        files = {"caller.json": agents.service("caller", port, [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files, data=path + "/data") as agent:
            assert agents.answers(local) == "hello, world!\n"
            pids = agent.sidecar_pids()
            with agents.Load(local, threads=1, pause=0.01) as load, agents.Wrk(local, SECONDS) as wrk:
                time.sleep(0.5)
                for _ in range(2):
                    rotate(agent)
                agent.write("caller.json", agents.service("caller", port, [("target", local), ("target", other)]))
                agent.reload()
                assert agents.answers(other) == "hello, world!\n"
                agent.signal(signal.SIGKILL)
                agent.ends()
                time.sleep(0.3)
                agent.start()
                rotate(agent)
                agent.write("caller.json", agents.service("caller", port, [("target", local)]))
                agent.reload()
                agents.fails(other)
                assert agent.sidecar_pids() == pids, "no sidecar was started again"
                kept = wrk.requests()
            load.is_faultless(50)
            print(f"{kept} requests on kept connections and {load.count} on new ones, none failed")


def rotate(agent):
    """Has the authority make another root, and waits until both sidecars have a leaf of it."""
    before = {name: leaves(agent, name) for name in ("caller-proxy", "target-proxy")}
    root = agent.get("/v1/connect/ca/roots")["ActiveRootID"]
    settings = agent.get("/v1/connect/ca/configuration")
    settings["Config"]["PrivateKey"] = new_key()
    settings["Config"]["RootCert"] = ""
    agent.put("/v1/connect/ca/configuration", settings)
    until(lambda: agent.get("/v1/connect/ca/roots")["ActiveRootID"] != root, "another root is active")
    for name, count in before.items():
        until(lambda: leaves(agent, name) > count, f"{name} has a leaf of the new root")


def new_key():
    return subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"], capture_output=True, text=True,
        check=True).stdout


def leaves(agent, sidecar):
    return len([line for line in agent.logs(sidecar) if "leaf certificate received" in line])
