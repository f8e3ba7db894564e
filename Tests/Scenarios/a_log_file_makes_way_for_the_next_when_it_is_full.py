"""The agent's log goes to files as well, which follow each other and of which so many stay; a path that cannot be is said at
the start, by `warren validate` too."""

import pathlib
import re
import subprocess

import agents
from support import binary, folder, until


def run():
    with folder() as path:
        place = pathlib.Path(path, "logs")
        place.mkdir()
        settings = {"log_file": f"{place}/", "log_rotate_bytes": 3000, "log_rotate_max_files": 2}
        (place / "warren-notes.log").write_text("somebody else's")
        with agents.Agent(path, {"log.json": settings}, "-log-level", "info") as agent:

            def written():
                """What the files hold, the oldest first."""
                return [file.read_text() for file in sorted(place.glob("warren-[0-9]*.log"))]

            until(lambda: any("Consul agent running!" in text for text in written()), "the first lines are in a file")
            assert len(written()) == 1, written()
            # The same lines as on standard output, without the banner.
            assert "==> " not in written()[0]
            for _ in range(120):
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
            agent.says("agent: Configuration reloaded")

            def told():
                lines = [line for line in agent.output if re.match(r"\d{4}-\d\d-\d\dT", line)]
                kept = "".join(written()).splitlines()
                return kept and kept == lines[-len(kept):]
            until(told, "the files end as standard output does")
            files = written()
            assert len(files) == 3, [len(text) for text in files]
            assert all(3000 <= len(text) < 3300 for text in files[:-1]), [len(text) for text in files]
            assert (place / "warren-notes.log").read_text() == "somebody else's"
            # Such keys count at a start.
            agent.write("log.json", {**settings, "log_rotate_bytes": 5})
            assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
            agent.says("log_rotate_bytes")
    with folder() as path:
        agent = agents.Agent(path, {"log.json": {"log_file": f"{path}/nowhere/agent.log"}}, waits=False)
        with agent:
            assert agent.ends() == 1
        wanted = f"log_file: cannot make a log file in {path}/nowhere/: No such file or directory; make the folder"
        assert wanted in agent.text(), agent.text()
        agent.write("data.json", {"data_dir": f"{path}/data"})
        done = subprocess.run(
            [binary(), "validate", str(agent.configuration)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and wanted in done.stdout + done.stderr, done
        agent = agents.Agent(path, {"log.json": {}}, "-log-file", f"{path}/agent", "-log-rotate-bytes", "x", waits=False)
        with agent:
            assert agent.ends() == 1
        assert 'invalid value "x" for flag -log-rotate-bytes' in agent.text(), agent.text()
