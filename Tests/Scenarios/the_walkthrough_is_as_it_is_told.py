"""The walkthrough, command by command: two files, an agent, two services; reload, deny, allow, stop, start."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import agents
from support import DEADLINE, ROOT, binary, folder, skip, until

PLACES = [pathlib.Path(binary()).parent / "hello", ROOT / ".build/debug/hello", ROOT / ".build/release/hello"]
# The services', their upstreams', the agent's for HTTP and for DNS.
PORTS = [8081, 8082, 38081, 38082, 8500, 8600]
HELLO = next((place for place in PLACES if place.exists()), None)


@contextlib.contextmanager
def process(*words, log=subprocess.DEVNULL, **options):
    started = subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def warren(*words):
    """What a command prints; it must succeed."""
    done = subprocess.run([binary(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout


def curl(place):
    """What `curl -s` prints."""
    return subprocess.run(["curl", "-s", "--max-time", "6", place], capture_output=True, text=True).stdout


def run():
    assert HELLO, "no hello binary: swift build --product hello"
    if not agents.in_a_network_of_its_own():
        # The ports of the story itself, then, where nobody else has one of them.
        taken = [port for port in PORTS if not agents.is_free(port)]
        if taken:
            skip(f"this system allows no network of one's own, and somebody has port {', '.join(map(str, taken))}")
    with folder() as path, open(path + "/log", "wb") as log:
        config = path + "/config-dir"
        shutil.copytree(agents.CONFIGURATIONS, config)
        with process(binary(), "agent", "-dev", "-advertise", "127.0.0.1", "-config-dir", config, log=log,
                     env={**os.environ, "TMPDIR": path}), \
                process(HELLO, "-listen", "127.0.0.1:8081", "-path", "/test1", "-fetch", "http://127.0.0.1:38082/"):
            with process(HELLO, "-listen", "127.0.0.1:8082", "-text", "hello, world!"):
                begin = time.monotonic()
                until(lambda: curl("http://127.0.0.1:8081/test1") == "hello, world!\n", "service1 answers through service2")
                print(f"hello, world! after {1000 * (time.monotonic() - begin):.0f} ms")
                assert curl("http://127.0.0.1:38082/") == "hello, world!\n"

                assert warren("reload") == "Configuration reload triggered\n"
                assert curl("http://127.0.0.1:8081/test1") == "hello, world!\n"

                assert warren("intention", "create", "-deny", "service1", "service2") \
                    == "Created: service1 => service2 (deny)\n"
                said = until(lambda: (text := curl("http://127.0.0.1:8081/test1")) != "hello, world!\n" and text,
                             "service1 is denied")
                assert said.startswith("make request failed"), said
                assert warren("intention", "check", "service1", "service3") == "Allowed\n"
                assert warren("intention", "delete", "service1", "service2") == "Intention deleted.\n"
                until(lambda: curl("http://127.0.0.1:8081/test1") == "hello, world!\n", "service1 is allowed again")

                # A file is edited and reloaded: service2 gets service1 for an upstream.
                file = os.path.join(config, "service2.json")
                with open(file) as text:
                    definition = json.load(text)
                definition["service"]["connect"]["proxy"] = {"config": {"upstreams": [
                    {"destination_name": "service1", "local_bind_port": 38081}]}}
                with open(file, "w") as text:
                    json.dump(definition, text)
                assert warren("reload") == "Configuration reload triggered\n"
                until(lambda: curl("http://127.0.0.1:38081/test1") == "hello, world!\n", "the new upstream answers")

            said = until(lambda: (text := curl("http://127.0.0.1:8081/test1")) != "hello, world!\n" and text,
                         "service2 is stopped")
            assert said.startswith("make request failed"), said
            with process(HELLO, "-listen", "127.0.0.1:8082", "-text", "hello, world!"):
                until(lambda: curl("http://127.0.0.1:8081/test1") == "hello, world!\n", "service2 answers again")
