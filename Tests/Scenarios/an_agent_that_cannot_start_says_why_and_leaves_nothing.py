"""Bad input, taken ports, folders that cannot be used: one sentence on standard error, status 1, nothing left behind."""

import json
import os
import pathlib
import socket
import subprocess

from support import binary_for, folder, free_port

GOOD = {"ports": {"http": 0, "dns": -1}}


def run():
    with folder() as path:
        root = pathlib.Path(path)
        os.mkdir(root / "tmp")

        def refused(*words, files=None, starts="==> ", says=(), status=1, user=None):
            config = root / "config"
            config.mkdir(exist_ok=True)
            for old in config.iterdir():
                old.unlink()
            for name, value in (files or {}).items():
                (config / name).write_text(value if isinstance(value, str) else json.dumps(value))
            with binary_for(user) as program:
                done = subprocess.run(
                    [program, "agent", *words, *(["-config-dir", str(config)] if files else [])],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=20, text=True,
                    env={**os.environ, "TMPDIR": str(root / "tmp")}, user=user)
            assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
            assert done.stdout == "", done.stdout
            assert done.stderr.startswith(starts), done.stderr
            for text in says:
                assert text in done.stderr, (text, done.stderr)
            assert os.listdir(root / "tmp") == [], "a start that failed leaves no folder"
            return done.stderr

        refused(says=["data_dir cannot be empty"])
        refused("-dev", "extra", says=["config: Unknown extra arguments: [extra]"])
        refused("-bogus", starts="flag provided but not defined: -bogus")
        refused("-dev", "-config-dir", str(root / "nope"), says=["config: Open failed on", "no such file or directory"])
        refused("-dev", "-http-port", "x", says=["-http-port", "\"x\""])
        refused("-dev", "-log-level", "loud", says=["Invalid log level", "LOUD", "DEBUG"])
        refused("-dev", "-datacenter", "DC 1", says=["datacenter cannot be \"dc 1\". Please use only [a-z0-9-_]."])
        refused("-dev", "-node-id", "7", says=["node_id", "UUID"])
        refused("-dev", "-client", "no.such.place", says=["no.such.place"])
        bad = str(root / "config" / "1.json")
        refused("-dev", files={"1.json": "{\"service\": "}, says=[bad, "unexpected end of JSON input"])
        refused("-dev", files={"1.json": {"servce": {}}}, says=[bad, "invalid config key servce"])
        refused("-dev", files={"1.json": {"service": {"name": "a", "port": "80"}}}, says=[bad, "service.port"])
        refused("-dev", files={"1.json": {**GOOD, "service": {"port": 80}}}, says=["name"])
        refused("-dev", files={"1.json": {**GOOD, "service": {
            "name": "a", "port": 1, "checks": [{"args": ["true"], "interval": "10s"}]}}}, says=["enable_script_checks"])

        # A port that somebody has, a port of others.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            pid = root / "agent.pid"
            pid.write_text("4711")
            said = refused("-dev", "-http-port", str(port), "-dns-port", "-1", "-pid-file", str(pid))
            assert f"127.0.0.1:{port}" in said and "-http-port" in said, said
            assert pid.read_text() == "4711", "another agent's pid file is left alone"

        # Folders and files that cannot be used.
        free = str(free_port())
        (root / "file").write_text("")
        refused("-data-dir", str(root / "file"), "-http-port", free, "-dns-port", "-1", says=[str(root / "file"), "is a file"])
        (root / "foreign").mkdir()
        (root / "foreign" / "warren.db").write_text("not a database at all, but quite long" * 100)
        refused("-data-dir", str(root / "foreign"), "-http-port", free, "-dns-port", "-1", says=["warren.db"])
        (root / "broken").mkdir()
        (root / "broken" / "node-id").write_text("nonsense")
        refused("-data-dir", str(root / "broken"), "-http-port", free, "-dns-port", "-1", says=["node-id", "UUID"])
        refused("-dev", "-http-port", free, "-dns-port", "-1", "-pid-file", str(root / "no" / "pid"),
                says=["pid file", str(root / "no" / "pid")])
        if os.geteuid() == 0:
            os.chmod(root, 0o755)
            os.chmod(root / "tmp", 0o777)
            (root / "others").mkdir(mode=0o700)
            refused("-data-dir", str(root / "others" / "data"), "-http-port", free, "-dns-port", "-1",
                    says=["Permission denied"], user="nobody")
