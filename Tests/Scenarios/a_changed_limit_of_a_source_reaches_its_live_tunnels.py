"""shaping.source: another limit holds for a source whose tunnels live, and for those that it makes later, like for any other."""

import contextlib
import time

import agents
from support import Server, connect, folder, free_port, until


def run():
    block = b"x" * 65536

    def pour(end):
        with end, contextlib.suppress(OSError):
            while True:
                end.sendall(block)

    def rate(end, seconds=2.0):
        """Bytes a second, from half a second on: what lay in buffers does not count."""
        end.settimeout(0.5)
        count, begin = 0, time.monotonic() + 0.5
        while (now := time.monotonic()) < begin + seconds:
            with contextlib.suppress(TimeoutError):
                piece = len(end.recv(1 << 16))
                count += piece if now >= begin else 0
        return count / seconds

    with folder() as path, Server(pour) as server:
        local, port = free_port(), free_port()

        def caller(limit):
            return agents.service("caller", port, [
                ("target", local, {"config": {"shaping": {"source": {"bandwidth_out": limit}}}})])

        files = {"caller.json": caller("200KB/s"), "target.json": agents.service("target", server.address[1])}
        with agents.Agent(path, files) as agent:

            def reached():
                with contextlib.suppress(OSError), connect(("127.0.0.1", local)) as end:
                    return end.recv(1)

            until(reached, "the target is reached")
            with connect(("127.0.0.1", local)) as live:
                before = rate(live)
                assert before < 400_000, f"{before:.0f} B/s of 200000"
                changes = len([line for line in agent.logs("caller-proxy") if "definition changed" in line])
                agent.write("caller.json", caller("4MB/s"))
                agent.reload()
                until(lambda: len([line for line in agent.logs("caller-proxy") if "definition changed" in line]) > changes,
                      "the sidecar has heard of it")
                # Its loops hear of it a moment later, and answer this behind it.
                agent.report("caller-proxy")
                after = rate(live)
                assert after > 1_000_000, f"a live tunnel: {after:.0f} B/s of 4000000"
            with connect(("127.0.0.1", local)) as later:
                after = rate(later)
                assert after > 1_000_000, f"a later one: {after:.0f} B/s of 4000000"
