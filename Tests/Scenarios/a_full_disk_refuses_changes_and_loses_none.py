"""With no room left, a change is refused with a reason and the agent goes on; what was acknowledged is there after kill -9."""

import ctypes
import os
import signal
import subprocess

import agents
from support import folder


def run():
    # A file system of its own size needs a mount namespace, which not every system allows.
    new_mounts, new_user = 0x00020000, 0x10000000
    flags = new_mounts if os.geteuid() == 0 else new_mounts | new_user
    with folder() as path:
        data = path + "/small"
        os.mkdir(data)
        if ctypes.CDLL(None).unshare(flags) != 0 \
                or subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode != 0 \
                or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", data], capture_output=True).returncode:
            print("this system lets nobody mount a small file system: not shown")
            return
        try:
            with agents.Agent(path, {}, data=data + "/data") as agent:
                kept = []
                for number in range(1000):
                    status, text, _ = agent.ask("PUT", "/v1/agent/service/register", {
                        "Name": f"s{number}", "Meta": {"k": "x" * 400}})
                    if status != 200:
                        break
                    kept.append(f"s{number}")
                assert status == 500 and "not stored" in text and "no room" in text, (status, text)
                assert len(kept) > 5
                assert agent.get("/v1/agent/self")["Config"]["NodeName"]
                agent.signal(signal.SIGKILL)
                agent.ends()
                agent.start()
                found = set(agent.get("/v1/agent/services"))
                assert found >= set(kept), set(kept) - found
                print(f"{len(kept)} changes fitted and were there again")
        finally:
            subprocess.run(["umount", data], capture_output=True)
