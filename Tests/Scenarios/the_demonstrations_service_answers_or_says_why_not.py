"""`hello`, the service of the demonstration: answers with a text, or with what another one answers, or with the reason."""

import contextlib
import http.client
import pathlib
import re
import signal
import subprocess

from support import DEADLINE, ROOT, binary, free_port

# Beside the binary that is tested, or from the build of everything that the unit tests need.
PLACES = [pathlib.Path(binary()).parent / "hello", ROOT / ".build/debug/hello", ROOT / ".build/release/hello"]
HELLO = next((place for place in PLACES if place.exists()), None)


@contextlib.contextmanager
def hello(*words):
    """The port of a service on a free port; ends it with SIGTERM and minds its status."""
    service = subprocess.Popen(
        [HELLO, "-listen", "127.0.0.1:0", *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield int(re.fullmatch(r"hello: listening on 127\.0\.0\.1:(\d+)\n", service.stderr.readline())[1])
        service.send_signal(signal.SIGTERM)
        assert service.wait(DEADLINE) == 0
    finally:
        service.kill()
        service.wait()
        service.stderr.close()


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def run():
    assert HELLO, "no hello binary: swift build --product hello"
    with hello("-text", "hello, world!") as text:
        with hello("-path=/test1", "--fetch", f"http://127.0.0.1:{text}/anything") as front:
            assert ask(text, "/") == ask(front, "/test1") == ask(front, "/test1?a=b") == (200, "hello, world!\n")
            assert ask(front, "/") == (404, "404 page not found\n")
            with hello("-fetch", f"http://127.0.0.1:{front}/missing") as further:
                assert ask(further, "/") == (404, "404 page not found\n"), "a status is handed on"
    nobody = free_port()
    with hello("-fetch", f"http://127.0.0.1:{nobody}/") as front:
        status, said = ask(front, "/test1")
        assert (status, said) == (
            502, f"make request failed: cannot connect to 127.0.0.1:{nobody}: Connection refused\n"), said
    for words in ([], ["-listen", "127.0.0.1:0"], ["-listen", "x", "-text", "y"], ["-listen", ":0", "-fetch", "ftp://a"],
                  ["-listen", ":0", "-text", "a", "-fetch", "http://b/"], ["-bogus"]):
        refused = subprocess.run([HELLO, *words], capture_output=True, text=True, timeout=DEADLINE)
        assert refused.returncode == 1 and refused.stderr.startswith("hello: ") and "Usage: hello" in refused.stderr, words
