"""script/bench as a program, in trouble: interrupted, without descriptors, without a peer. Needs the release binaries."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from harness.processes import is_listening

ROOT = Path(__file__).resolve().parents[3]
BUILT = (ROOT / ".build/release/warren", ROOT / "Benchmarks/.build/release/warren-bench")
#: How long a run of these may take, on a machine that does other things beside.
DEADLINE = 120


@unittest.skipUnless(all(path.exists() for path in BUILT), "the release binaries are not built")
class Trouble(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start(self, first_port, *words, limit=None, deaf=(), **environment):
        def prepare():
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN if number in deaf else signal.SIG_DFL)
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", "--no-build", "--no-checks", "--out", self.folder.name, "--first-port",
             str(first_port), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "Benchmarks"), "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare)
        # Whatever goes wrong here, no run outlives its test by long.
        timer = threading.Timer(DEADLINE, process.terminate)
        timer.start()
        self.addCleanup(timer.cancel)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        return process

    def results(self):
        path, = Path(self.folder.name).glob("*.json")
        return json.loads(path.read_text()), path.with_suffix(".md").read_text()

    def test_an_interrupted_run_keeps_its_samples_and_leaves_nothing_running(self):
        for number, first_port in ((signal.SIGINT, 27100), (signal.SIGHUP, 27200)):
            run = self.start(first_port, "--only", "relay-bulk-1-to", "--peers", "none", "--seconds", "0.2", "--repetitions",
                             "500")
            for line in run.stderr:
                if "relay-bulk-1-to" in line and "warren" in line:
                    break
            self.assertTrue(any(is_listening(port) for port in range(first_port, first_port + 10)))
            run.send_signal(number)
            # Who asks twice must not keep the first from stopping what runs.
            run.send_signal(number)
            said = run.stderr.read()
            self.assertEqual(run.wait(DEADLINE), 130, said)
            self.assertIn("interrupted", said)
            self.assertNotIn("Traceback", said)
            self.assertFalse(any(is_listening(port) for port in range(first_port, first_port + 10)))
            kept, page = self.results()
            self.assertEqual((kept["complete"], kept["ended_because"]), (False, "interrupted"))
            self.assertTrue(kept["rows"][0]["samples"]["warren"])
            self.assertIn("**Partial: interrupted.**", page)
            for path in Path(self.folder.name).glob("*.json"):
                path.unlink()

    def test_a_run_beside_a_shell_can_be_interrupted_and_nohup_is_kept(self):
        run = self.start(27800, "--only", "relay-bulk-1-to", "--peers", "none", "--seconds", "0.2", "--repetitions", "500",
                         deaf=(signal.SIGINT, signal.SIGHUP))
        samples = (line for line in run.stderr if "relay-bulk-1-to" in line and "warren" in line)
        next(samples)
        run.send_signal(signal.SIGHUP)
        for _ in range(3):
            next(samples)
        run.send_signal(signal.SIGINT)
        self.assertIn("interrupted", run.stderr.read())
        self.assertEqual(run.wait(DEADLINE), 130)

    def test_a_run_that_cannot_begin_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as empty:
            for words, environment, sentence in (
                    (("--seconds", "0.1"), {"PATH": empty}, "is openssl installed?"),
                    (("--out", "/proc/none"), {}, "/proc/none")):
                run = self.start(27900, "--only", "relay-bulk-1-to", "--peers", "none", *words, **environment)
                said = run.stderr.read()
                self.assertEqual(run.wait(DEADLINE), 1, said)
                self.assertIn(sentence, said)
                self.assertNotIn("Traceback", said)
                self.assertEqual(list(Path(self.folder.name).iterdir()), [])
                self.assertFalse(any(is_listening(port) for port in range(27900, 27910)))

    def test_a_run_without_a_figure_is_told_by_its_status(self):
        run = self.start(28000, "--only", "relay-bulk-1-to", "--peers", "none", limit=600)
        self.assertEqual(run.wait(DEADLINE), 1, run.stderr.read())
        kept, page = self.results()
        self.assertIn("needs 1024 descriptors, a process may open 600", kept["rows"][0]["skipped"])
        self.assertIn("relay-bulk-1-to skipped", page)

    def test_the_least_limit_that_is_taken_is_enough_for_ours(self):
        run = self.start(28100, "--only", "relay-request-64-c64,tunnel-request-64-c64", "--peers", "none", "--seconds", "0.1",
                         "--repetitions", "1", limit=1024)
        said = run.stderr.read()
        self.assertEqual(run.wait(DEADLINE), 0, said)
        for row in self.results()[0]["rows"]:
            self.assertTrue(row["samples"]["warren"], said)

    def test_ports_in_use_are_passed_over_and_left_alone(self):
        with socket.create_server(("127.0.0.1", 28201)) as first, socket.create_server(("127.0.0.1", 28203)):
            run = self.start(28200, "--only", "relay-bulk-1-to", "--peers", "none", "--seconds", "0.1", "--repetitions", "1")
            said = run.stderr.read()
            self.assertEqual(run.wait(DEADLINE), 0, said)
            first.setblocking(False)
            with self.assertRaises(BlockingIOError):
                first.accept()
        self.assertTrue(self.results()[0]["rows"][0]["samples"]["warren"])

    def test_too_few_descriptors_skip_the_row_and_say_what_to_do(self):
        run = self.start(27300, "--only", "relay-idle-1000,relay-bulk-1-to", "--peers", "none", "--seconds", "0.1",
                         "--repetitions", "1", limit=2000)
        self.assertEqual(run.wait(DEADLINE), 0, run.stderr.read())
        kept, page = self.results()
        rows = {row["name"]: row for row in kept["rows"]}
        self.assertIn("needs 2256 descriptors, a process may open 2000", rows["relay-idle-1000"]["skipped"])
        self.assertIn("ulimit -n", page)
        self.assertTrue(rows["relay-bulk-1-to"]["samples"]["warren"])

    def test_a_missing_peer_is_reported_and_the_others_run(self):
        run = self.start(27400, "--only", "relay-bulk-1-to", "--peers", "envoy", "--seconds", "0.1", "--repetitions", "1",
                         WARREN_BENCH_ENVOY="/no/such/envoy")
        self.assertEqual(run.wait(DEADLINE), 0, run.stderr.read())
        kept, page = self.results()
        found = {entry["name"]: entry["status"] for entry in kept["candidates"]}
        self.assertEqual(found, {"warren": "measured", "envoy": "missing"})
        self.assertIn("**envoy** missing: not found", page)
        self.assertIn("Missing: envoy.", page)

    def test_a_run_ends_when_its_minutes_are_over(self):
        run = self.start(27500, "--only", "relay-bulk-1-to", "--peers", "none", "--seconds", "0.2", "--repetitions", "500",
                         "--minutes", "0.05")
        self.assertEqual(run.wait(DEADLINE), 0, run.stderr.read())
        kept, page = self.results()
        self.assertFalse(kept["complete"])
        self.assertIn("ended after the 0.05 minutes it was given", page)

    def test_bad_flags_are_refused_with_a_sentence(self):
        for words, sentence in ((("--first-port", "80"), "--first-port 80: want a port from 1024"),
                                (("--only", "nonsense"), "--only nonsense: no such row"),
                                (("--peers", "squid"), "--peers squid: unknown"),
                                (("--seconds", "0"), "--seconds 0.0: must be more than 0"),
                                (("--hold", "nonsense"), "--hold nonsense: no such row"),
                                (("--out", __file__), "is a file; want a directory"),
                                (("--warren", "/no/such"), "--warren /no/such: no such file")):
            run = self.start(27600, *words)
            said = run.stderr.read()
            self.assertEqual(run.wait(DEADLINE), 1, said)
            self.assertIn(sentence, said)

    def test_a_held_row_prints_pids_and_ends_with_them(self):
        run = self.start(27700, "--hold", "relay-request", "--seconds", "0.2")
        pids = []
        for line in run.stdout:
            if line.startswith("pid "):
                pids += map(int, line.split()[2:])
            if line.startswith("slice "):
                self.assertGreater(int(line.split()[2]), 0)
                break
        self.assertEqual(len(pids), 1)
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(DEADLINE), 130, run.stderr.read())
        self.assertFalse(os.path.exists(f"/proc/{pids[0]}"))


if __name__ == "__main__":
    unittest.main()
