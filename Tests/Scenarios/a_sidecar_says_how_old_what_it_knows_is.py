"""While the agent is away its last word serves, and the sidecar says how old that is, in its log and when asked; when the agent
is back, what is known is fresh again."""

import re
import signal
import time

import agents
from support import until


def run():
    with agents.Hello() as hello, agents.mesh(hello.port, keeps=True) as (agent, local):
        assert agents.answers(local) == "hello, world!\n"
        assert state(agent) == ("answering", 0)

        agent.signal(signal.SIGKILL)
        agent.ends()
        until(lambda: said(agent, "the agent does not answer: what is known stays in force"), "its absence is noticed")
        before = until(lambda: (found := state(agent))[0] == "away" and found, "its absence is told when asked")
        time.sleep(1)
        after = state(agent)
        assert after[0] == "away" and 1_000 <= after[1] - before[1] < 60_000, (before, after)
        for _ in range(20):
            assert agents.fetch(local) == "hello, world!\n"
        # Said unasked after ten seconds.
        line = until(lambda: said(agent, "the agent is still away"), "it says so again", 30)[-1]
        assert int(re.search(r"staleness_ms=(\d+)", line).group(1)) >= 10_000, line

        agent.start()
        line = until(lambda: said(agent, "the agent answers again"), "its return is noticed", 40)[-1]
        assert int(re.search(r"staleness_ms=(\d+)", line).group(1)) >= 10_000, line
        assert state(agent) == ("answering", 0)
        # What was decided since is heard.
        agent.put("/v1/connect/intentions", {
            "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")
        agents.fails(local)


def said(agent, sentence):
    return [line for line in agent.logs("target-proxy") if sentence in line]


def state(agent):
    """Whether the sidecar says that the agent answers, and how old it says that its knowledge is."""
    line = agent.report("target-proxy")[0]
    found = re.search(r"agent=(\w+) staleness_ms=(\d+)", line)
    assert found, line
    return found.group(1), int(found.group(2))
