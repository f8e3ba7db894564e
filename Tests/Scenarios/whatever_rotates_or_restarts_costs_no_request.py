"""While wrk runs through the mesh the root is replaced, leaves run out, the agent is killed, files are reloaded: all is served."""

import re
import shutil
import signal
import subprocess
import time

import agents
from support import folder, free_port, until

SECONDS = 12


def run():
    wrk = shutil.which("wrk")
    with folder() as path, agents.Hello() as hello:
        local, other, port = free_port(), free_port(), free_port()
        # Leaves of the shortest life that is allowed are not needed to see one replaced: a new root replaces each at once.
        files = {"caller.json": agents.service("caller", port, [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files, data=path + "/data") as agent:
            assert agents.answers(local) == "hello, world!\n"
            pids = agent.sidecar_pids()
            load = subprocess.Popen(
                [wrk, "-t1", "-c8", f"-d{SECONDS}s", f"http://127.0.0.1:{local}/"], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) if wrk else None
            fresh = Fresh(local)
            try:
                time.sleep(0.5)
                for number in range(2):
                    rotate(agent)
                agent.write("caller.json", agents.service("caller", port, [("target", local), ("target", other)]))
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
                assert agents.answers(other) == "hello, world!\n"
                agent.signal(signal.SIGKILL)
                agent.ends()
                time.sleep(0.3)
                agent.start()
                rotate(agent)
                agent.write("caller.json", agents.service("caller", port, [("target", local)]))
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
                agents.fails(other)
                assert agent.sidecar_pids() == pids, "no sidecar was started again"
                said = load.communicate(timeout=SECONDS + 20)[0] if load else ""
            finally:
                fresh.stop()
                if load and load.poll() is None:
                    load.kill()
            assert not fresh.faults and fresh.count > 50, (fresh.count, fresh.faults[:3])
            assert "Socket errors" not in said and "Non-2xx" not in said, said
            kept = re.search(r"(\d+) requests in", said).group(1) if load else "no wrk here: 0"
            print(f"{kept} requests on kept connections and {fresh.count} on new ones, none failed")


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


class Fresh:
    """Requests one after the other, each on a connection of its own, as fast as ten in a tenth of a second."""

    def __init__(self, port):
        import threading
        self.port, self.count, self.faults, self.going = port, 0, [], True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.going:
            try:
                assert agents.fetch(self.port) == "hello, world!\n"
                self.count += 1
            except Exception as fault:  # noqa: BLE001: any failure is the finding
                self.faults.append(repr(fault))
            time.sleep(0.01)

    def stop(self):
        self.going = False
        self.thread.join(10)
