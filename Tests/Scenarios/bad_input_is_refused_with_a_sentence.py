"""Every bad input: one clear sentence on stderr that names the flag and the value, status 1, nothing half-started."""

import os
import resource
import subprocess

from support import Server, Warren, binary_for, echo, folder, free_port, refused

# A user id that nothing else runs under.
LONELY = 64_321


def no_threads(place):
    """A loop that cannot start is the end of the start: a sentence, status 1, nothing listened on or left behind."""
    log = os.path.join(place, "never.log")

    def prepare():
        resource.setrlimit(resource.RLIMIT_NPROC, (4, 4))

    # A user with no other process, whose limit leaves room for the log's threads and not for all of the loops.
    with binary_for(LONELY) as program:
        words = [program, "relay", "-listen", "127.0.0.1:0", "-target", ":1", "-workers", "8", "-access-log", log]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, preexec_fn=prepare,
                              user=LONELY, group=LONELY, extra_groups=[])
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 1 and "data loop" in said and "-workers" in said and "listening" not in said, said
    assert not os.path.exists(log), "a start that failed left an access log"


def run():
    ok = ["-listen", "127.0.0.1:0", "-target", "127.0.0.1:1"]
    with folder() as place, Server(echo) as server:
        precious = os.path.join(place, "precious")
        with open(precious, "w") as file:
            file.write("data")
        taken = server.flag
        port = free_port()
        table = [
            (["-nope"], ["-nope"]),
            (ok + ["-workers"], ["-workers", "argument"]),
            ([], ["-listen", "required"]),
            (["-listen", ":1"], ["-target", "required"]),
            (["-listen", "nonsense", "-target", ":1"], ["-listen", '"nonsense"', "HOST:PORT"]),
            (["-listen", "127.0.0.1:99999", "-target", ":1"], ["-listen", "99999", "65535"]),
            (["-listen", ":0", "-target", "300.1.1.1.:x"], ["-target", '"x"']),
            (["-listen", "unix:" + "x" * 200, "-target", ":1"], ["-listen", "107"]),
            (["-listen", taken, "-target", ":1"], [taken, "in use", "another port"]),
            (["-listen", taken, "-target", ":1", "-workers", "2"], [taken, "in use", "another port"]),
            (["-listen", f"127.0.0.1:{port}", "-listen", f"127.0.0.1:{port}", "-target", ":1"],
             ["-listen", f"127.0.0.1:{port}", "twice"]),
            (["-listen", f"127.0.0.1:{port}", "-listen", f"127.0.0.1:{port}", "-target", ":1", "-workers", "2"],
             ["-listen", f"127.0.0.1:{port}", "twice"]),
            (["-listen", "192.0.2.77:9", "-target", ":1"], ["192.0.2.77:9", "no interface"]),
            (["-listen", "unix:/nonexistent/folder/s", "-target", ":1"], ["/nonexistent/folder/s", "directory"]),
            (["-listen", "unix:" + precious, "-target", ":1"], [precious, "in use"]),
            (["-listen", ":0", "-target", "nowhere.invalid:80"], ["-target", "nowhere.invalid"]),
            (["-listen", "nowhere.invalid:80", "-target", ":1"], ["-listen", "nowhere.invalid"]),
            (ok + ["-max-connections", "5000000"], ["-max-connections 5000000", "descriptors", "ulimit -n"]),
            (ok + ["-max-connections", "none"], ["-max-connections", '"none"']),
            (ok + ["-workers", "0"], ["-workers", '"0"']),
            (ok + ["-splice", "maybe"], ["-splice", '"maybe"', "auto"]),
            (ok + ["-idle-timeout", "5"], ["-idle-timeout", '"5"', "10s"]),
            (ok + ["-connect-timeout", "-1s"], ["-connect-timeout", '"-1s"']),
            (ok + ["-keepalive", "10ms"], ["-keepalive", '"10ms"', "1s"]),
            (ok + ["-user-timeout", "24h"], ["-user-timeout", '"24h"', "9h"]),
            (ok + ["-drain-timeout", "x"], ["-drain-timeout", '"x"']),
            (ok + ["-half-close-timeout", "x"], ["-half-close-timeout", '"x"']),
            (ok + ["-log-level", "loud"], ["-log-level", '"loud"', "debug"]),
            (ok + ["-access-log", "/nonexistent/log"], ["-access-log", "/nonexistent/log"]),
            (ok + ["stray"], ['"stray"']),
        ]
        for words, named in table:
            status, said = refused(*words)
            assert status == 1, f"{words}: status {status}, {said}"
            first = said.split("\n")[0]
            for part in named:
                assert part in first, f"{words}: {part!r} is not in {first!r}"
            assert "fatal" not in said.lower() and "listening" not in said, said
        assert open(precious).read() == "data", "the file at the path was touched"
        # One listener of two cannot be had: neither is left behind.
        status, said = refused(
            "-listen", f"127.0.0.1:{port}", "-listen", "unix:" + os.path.join(place, "half"), "-listen", taken,
            "-target", ":1")
        assert status == 1 and taken in said, said
        assert not os.path.exists(os.path.join(place, "half")), "the unix path of a start that failed is left behind"
        # Two of Warren with several loops each: their SO_REUSEPORT does not make them share a port by accident.
        with Warren("-listen", "127.0.0.1:0", "-target", taken, "-workers", "2") as first:
            host, used = first.address()
            for workers in ("1", "2"):
                status, said = refused("-listen", f"{host}:{used}", "-target", taken, "-workers", workers)
                assert status == 1 and f"{host}:{used}" in said and "in use" in said, said
            # One that could not start leaves no file behind.
            log = os.path.join(place, "access.log")
            status, said = refused("-listen", f"{host}:{used}", "-target", taken, "-access-log", log)
            assert status == 1 and not os.path.exists(log), said
        status, said = refused("-listen", "127.0.0.1:0", "-target", ":1", limit=(256, 256))
        assert status == 1 and "-max-connections" in said and "ulimit -n" in said, said
        if os.getuid() == 0:
            os.chmod(place, 0o755)
            status, said = refused("-listen", "unix:/var/forbidden", "-target", ":1", user=65534)
            assert status == 1 and "denied" in said and "writable" in said, said
            no_threads(place)
    status, said = refused("-h")
    assert status == 0 and "Usage: warren relay" in said and "-half-close-timeout" in said
    status, said = refused(command="nosuch")
    assert status == 1 and "nosuch" in said
