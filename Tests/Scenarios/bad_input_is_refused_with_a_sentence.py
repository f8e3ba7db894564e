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
        taken, taken_port = server.flag, server.address[1]
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
            (["-listen", taken, "-target", ":1"], ["-listen " + taken, "in use", "another port"]),
            (["-listen", taken, "-target", ":1", "-workers", "2"], ["-listen " + taken, "in use", "another port"]),
            (["-listen", f"localhost:{taken_port}", "-target", ":1"],
             [f"-listen localhost:{taken_port}: cannot listen on "]),
            (["-listen", f"127.0.0.1:{port}", "-listen", f"127.0.0.1:{port}", "-target", ":1"],
             ["-listen", f"127.0.0.1:{port}", "twice"]),
            (["-listen", f"127.0.0.1:{port}", "-listen", f"127.0.0.1:{port}", "-target", ":1", "-workers", "2"],
             ["-listen", f"127.0.0.1:{port}", "twice"]),
            (["-listen", "192.0.2.77:9", "-target", ":1"], ["-listen 192.0.2.77:9", "no interface"]),
            (["-listen", "unix:/nonexistent/folder/s", "-target", ":1"],
             ["-listen unix:/nonexistent/folder/s", "directory does not exist"]),
            (["-listen", "unix:" + precious, "-target", ":1"], ["-listen unix:" + precious, "in use"]),
            (["-listen", f"unix:{precious}/s", "-target", ":1"], [f"-listen unix:{precious}/s", "Not a directory"]),
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
        assert status == 1 and f"-listen {taken}: " in said, said
        assert not os.path.exists(os.path.join(place, "half")), "the unix path of a start that failed is left behind"
        # A log that cannot be had is known before anything listens.
        half = os.path.join(place, "half")
        for log in ("/nonexistent/dir/log", place, os.path.join(precious, "log")):
            status, said = refused("-listen", "unix:" + half, "-target", ":1", "-access-log", log)
            assert status == 1 and f"-access-log {log}: " in said and "listening" not in said, said
            assert not os.path.exists(half), f"the unix path of a start without its log is left behind: {log}"
        # Two of Warren with several loops each: their SO_REUSEPORT does not make them share a port by accident.
        with Warren("-listen", "127.0.0.1:0", "-target", taken, "-workers", "2") as first:
            host, used = first.address()
            for workers in ("1", "2"):
                status, said = refused("-listen", f"{host}:{used}", "-target", taken, "-workers", workers)
                assert status == 1 and f"-listen {host}:{used}: " in said and "in use" in said, said
            # One that could not start leaves no file behind, and takes none away.
            log = os.path.join(place, "access.log")
            for was_there in (False, True):
                if was_there:
                    with open(log, "w"):
                        pass
                status, said = refused("-listen", f"{host}:{used}", "-target", taken, "-access-log", log)
                assert status == 1 and "in use" in said and os.path.exists(log) == was_there, said
        status, said = refused("-listen", "127.0.0.1:0", "-target", ":1", limit=(256, 256))
        assert status == 1 and "-max-connections" in said and "ulimit -n" in said, said
        if os.getuid() == 0:
            os.chmod(place, 0o755)
            status, said = refused("-listen", "unix:/var/forbidden", "-target", ":1", user=65534)
            assert status == 1 and "-listen unix:/var/forbidden: " in said, said
            assert "denied" in said and "writable" in said, said
            half, log = os.path.join(place, "open", "half"), os.path.join(place, "forbidden.log")
            os.mkdir(os.path.dirname(half))
            os.chown(os.path.dirname(half), 65534, -1)
            status, said = refused("-listen", "unix:" + half, "-target", ":1", "-access-log", log, user=65534)
            assert status == 1 and f"-access-log {log}: " in said and "denied" in said, said
            assert not os.path.exists(half), "a unix path is left behind where the log is forbidden"
            no_threads(place)
    status, said = refused("-h")
    assert status == 0 and "Usage: warren relay" in said and "-half-close-timeout" in said
    status, said = refused(command="nosuch")
    assert status == 1 and "nosuch" in said
