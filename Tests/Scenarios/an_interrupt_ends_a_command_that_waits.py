"""An agent that takes a request and never answers holds nobody: SIGINT and SIGTERM end the command as they end any other."""

import signal
import subprocess
import threading

from commands.agent import environment
from support import DEADLINE, Server, binary, until


def run():
    asked, over = threading.Event(), threading.Event()

    def never(end):
        with end:
            end.recv(4096)
            asked.set()
            over.wait(DEADLINE)

    with Server(never) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            asked.clear()
            command = subprocess.Popen(
                [binary(), "reload"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment(CONSUL_HTTP_ADDR=server.flag))
            try:
                until(asked.is_set, "the agent is asked")
                assert command.poll() is None, "it waits"
                command.send_signal(number)
                output, fault = command.communicate(timeout=DEADLINE)
            finally:
                command.kill()
            assert (command.returncode, output, fault) == (128 + number, b"", b""), (command.returncode, output, fault)
        over.set()
