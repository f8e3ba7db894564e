"""`warren monitor`: the agent's lines as they are written, at the monitor's own level, until SIGINT or the agent's end."""

import signal
import subprocess
import threading

from commands.agent import Agent, environment
from support import DEADLINE, binary, until


class Monitor:
    def __init__(self, agent, *words):
        self.process = subprocess.Popen(
            [binary(), "monitor", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment(CONSUL_HTTP_ADDR=agent.address))
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def says(self, text):
        until(lambda: any(text in line for line in list(self.lines)), f"the monitor prints {text!r}")

    def ends(self):
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status, self.process.stderr.read()


def run():
    with Agent() as agent:
        chatty, terse = Monitor(agent, "-log-level=debug"), Monitor(agent, "-log-level", "warn")
        # What was logged before it came, then what is logged while it listens.
        chatty.says("agent running")
        agent.succeeds("catalog", "datacenters")
        chatty.says("/v1/catalog/datacenters")
        chatty.process.send_signal(signal.SIGINT)
        assert chatty.ends() == (0, "")
        agent.succeeds("leave")
        status, said = terse.ends()
        assert status == 0 and "The agent ended the monitor" in said, (status, said)
        assert not any("[DEBUG]" in line or "[INFO]" in line for line in terse.lines), terse.lines
