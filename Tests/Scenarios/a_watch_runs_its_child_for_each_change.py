"""`warren watch` with a child: once for what there is, once for each change, the JSON on its standard input."""

import json
import signal
import subprocess

from commands.agent import Agent, environment
from support import DEADLINE, binary, until


def run():
    with Agent() as agent:
        seen = agent.folder / "seen"

        def runs():
            return [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []

        # By the shell, with variables of its own: the index and what we were given.
        child = f'printf "{{\\"index\\": $CONSUL_INDEX, \\"mark\\": \\"$MARK\\", \\"news\\": %s}}\\n" "$(cat)" >> {seen}'
        watch = subprocess.Popen(
            [binary(), "watch", "-type", "services", child], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(CONSUL_HTTP_ADDR=agent.address, MARK="m", SHELL="/bin/sh"))
        try:
            until(lambda: len(runs()) == 1, "the child runs for what there is")
            agent.succeeds("services", "register", "-name", "later", "-tag", "t")
            until(lambda: len(runs()) == 2, "the child runs for a change")
            # A change of the index alone is none.
            agent.succeeds("services", "register", "-name", "later", "-tag", "t", "-port", "80")
            agent.succeeds("services", "deregister", "-id", "later")
            until(lambda: len(runs()) == 3, "the child runs for the next change")
            first, second, third = runs()
            assert "later" not in first["news"] and third["news"] == first["news"]
            assert second["news"] == {**first["news"], "later": ["t"]}
            assert 0 < first["index"] < second["index"] < third["index"] and first["mark"] == "m"
        finally:
            watch.send_signal(signal.SIGTERM)
            output, fault = watch.communicate(timeout=DEADLINE)
        assert (watch.returncode, output, fault) == (0, b"", b"")

        # An exit status of the child's ends the watch; without a shell its words are taken as they are.
        failing = agent.run("watch", "-type", "nodes", "false")
        assert (failing.status, failing.stderr) == (1, "Error executing handler: exit status 1\n"), failing
        missing = agent.run("watch", "-type", "nodes", "-shell=false", "/nowhere/$HOME")
        assert missing.status == 1 and "/nowhere/$HOME: no such file or directory" in missing.stderr, missing
        # News larger than a pipe holds reach a child that does not read them.
        for number in range(40):
            agent.succeeds("services", "register", "-name", f"s{number}", *[f"-tag={'x' * 200}{t}" for t in range(10)])
        unread = agent.run("watch", "-type", "services", "exec 0<&-; exit 3")
        assert (unread.status, unread.stderr) == (1, "Error executing handler: exit status 3\n"), unread

        # A child that is running gets the watch's signal.
        started = agent.folder / "started"
        watch = subprocess.Popen(
            [binary(), "watch", "-type", "nodes", f"trap 'echo ended >> {seen}; exit' TERM; : > {started}; while :; do "
             "sleep 0.05; done"], stdin=subprocess.DEVNULL, env=environment(CONSUL_HTTP_ADDR=agent.address, SHELL="/bin/sh"))
        try:
            until(started.exists, "the child runs")
        finally:
            watch.send_signal(signal.SIGTERM)
            assert watch.wait(DEADLINE) == 0
        until(lambda: seen.read_text().endswith("ended\n"), "the child is told to end")
