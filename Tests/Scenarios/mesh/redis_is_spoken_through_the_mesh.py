"""Redis' own client and server, where the client speaks first: commands, a pipeline of many, and a subscription."""

import subprocess

from mesh_support import listens, mesh, output, program, running
from support import free_port, until


def run():
    server, client = program("redis-server"), program("redis-cli")
    port = free_port()
    with running(server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp",
                 ready=lambda: listens(port)), mesh(port) as (_, local):
        assert output(client, "-p", local, "set", "key", "value") == "OK\n"
        assert output(client, "-p", local, "get", "key") == "value\n"
        script = "".join(f"SET k{n} {'v' * 100}\r\n" for n in range(20_000)).encode()
        done = subprocess.run([client, "-p", str(local), "--pipe"], input=script, capture_output=True, timeout=60)
        assert b"errors: 0, replies: 20000" in done.stdout, done.stdout
        listener = subprocess.Popen(
            [client, "-p", str(local), "subscribe", "news"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            until(lambda: output(client, "-p", local, "publish", "news", "hello") == "1\n", "somebody has subscribed")
            heard = b""
            while b"hello" not in heard:
                line = listener.stdout.readline()
                assert line, heard
                heard += line
        finally:
            listener.kill()
            listener.wait()
