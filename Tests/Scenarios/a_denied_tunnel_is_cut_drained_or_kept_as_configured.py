"""intention_deny_live says what becomes of live tunnels: each of cut, drain and keep, a pardon, and a change of the mode alone;
every deed is counted by rule, and told when asked for however quiet the log."""

import re
import time

import agents
from support import Server, admitted, binary, echo, echoes, echoing, ends, folder, free_port, until

QUIET = [binary(), "connect", "proxy", "-log-level", "error"]


def run():
    with folder() as path, Server(echo) as server:
        local = free_port()

        def target(mode, **more):
            return agents.service("target", server.address[1], inbound={"intention_deny_live": mode, **more}, command=QUIET)

        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": target("keep")}
        with agents.Agent(path, files) as agent:
            def configure(*words, **more):
                agent.write("target.json", target(*words, **more))
                agent.reload()

            def intend(action):
                agent.put("/v1/connect/intentions/exact?source=caller&destination=target", {"Action": action})

            def deeds(**wanted):
                """What the rules did so far, when that is what is wanted."""
                def look():
                    seen = tally(agent)
                    return seen if all(seen[deed] == number for deed, number in wanted.items()) else None
                return until(look, f"the rules did {wanted}")

            pid = until(lambda: agent.sidecar_pids().get("target-proxy"), "the sidecar runs")

            # Kept: it goes on, while nobody new comes in.
            with tunnel(local) as live:
                intend("deny")
                deeds(kept=1, drained=0, cut=0)
                until(lambda: not admitted(local), "new ones are refused")
                assert echoes(live)
                # The same is not told twice.
                agent.put("/v1/connect/intentions/exact?source=other&destination=target", {"Action": "deny"})
                until(lambda: len(agent.get("/v1/connect/intentions")) == 2, "there is another rule")
                deeds(kept=1)
                # A change of the mode alone: a grace begins, and ends it.
                begin = time.monotonic()
                configure("drain", intention_drain_ms=1500)
                deeds(kept=1, drained=1, cut=0)
                assert echoes(live)
                assert ends(live) and time.monotonic() - begin >= 1.4

            # A pardon within the grace.
            intend("allow")
            with tunnel(local) as live:
                intend("deny")
                deeds(drained=2)
                intend("allow")
                until(lambda: admitted(local), "new ones are admitted")
                time.sleep(2)
                assert echoes(live), "a pardoned tunnel outlives the grace"
                configure("keep")
                intend("deny")
                deeds(kept=2)
                # And from kept to cut.
                configure("cut")
                assert ends(live)
                deeds(kept=2, drained=2, cut=1)

            intend("allow")
            with tunnel(local) as live:
                intend("deny")
                assert ends(live)
                deeds(kept=2, drained=2, cut=2)
            assert agent.sidecar_pids()["target-proxy"] == pid
            # Asked for by a signal: told. Not asked for: not at this level.
            assert not [line for line in agent.logs("target-proxy") if "live tunnel" in line]


def tally(agent):
    """The deeds of all rules, summed, as the sidecar tells them."""
    sums = {"refused": 0, "cut": 0, "drained": 0, "kept": 0}
    for line in agent.report("target-proxy"):
        if ": rule: " in line:
            assert "Action: DENY" in line or not re.search(r"\b(cut|drained|kept)=[1-9]", line), line
            for deed in sums:
                sums[deed] += int(re.search(rf"\b{deed}=(\d+)", line).group(1))
    return sums


def tunnel(local):
    until(lambda: admitted(local), "the target is reached")
    return echoing(local)
