"""An agent that goes away and comes back with an older index: the watch says so, asks again and tells what is new."""

import json
import signal
import subprocess

from commands.agent import Agent, environment
from support import DEADLINE, binary, until


def run():
    with Agent({"agent.json": {"connect": {"manage_sidecars": False}}}) as agent:
        seen, said = agent.folder / "seen", agent.folder / "said"
        for number in range(20):
            agent.succeeds("services", "register", "-name", f"s{number}")
        with said.open("w") as error:
            watch = subprocess.Popen(
                [binary(), "watch", "-type", "services", f"echo $CONSUL_INDEX >> {seen}.index; cat >> {seen}"],
                stdin=subprocess.DEVNULL, stderr=error,
                env=environment(CONSUL_HTTP_ADDR=agent.address, SHELL="/bin/sh"))
        try:
            def news():
                return [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []

            until(lambda: len(news()) == 1, "the child runs")
            agent.signal(signal.SIGKILL)
            agent.ends()
            until(lambda: "retry in 5s" in said.read_text(), "the watch says that the agent is away")
            agent.write("new.json", {"service": {"name": "new"}})
            agent.start()
            until(lambda: len(news()) == 2, "the child runs again")
            assert "s19" in news()[0] and set(news()[1]) == {"consul", "new"}, news()
            agent.succeeds("services", "register", "-name", "newer")
            until(lambda: len(news()) == 3, "and again")
            first, second, third = [int(line) for line in open(f"{seen}.index")]
            assert second < first and second < third, (first, second, third)
        finally:
            watch.send_signal(signal.SIGTERM)
            assert watch.wait(DEADLINE) == 0
