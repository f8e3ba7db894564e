"""Runs warren-bench, the load generator, and reads what it found."""

import json
import select
import subprocess

from .processes import StartFailure, die_with_parent


class LoadFailure(Exception):
    """The generator got no result; the text says why."""


class Load:
    """One run of the generator; `wait_ready` and `finish` in this order."""

    def __init__(self, binary, address, groups, seconds=2.0, warmup=0.3, watch=(), patience=20.0):
        words = [str(binary), "load", f"-target={address}", f"-seconds={seconds}", f"-warmup={warmup}",
                 f"-patience={patience}"]
        words += [f"-group={group}" for group in groups] + [f"-watch={pid}" for pid in watch]
        self.limit = seconds + warmup + 2 * patience + 10
        try:
            self.popen = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                preexec_fn=die_with_parent, start_new_session=True)
        except OSError as error:
            raise StartFailure(f"{binary}: {error.strerror}") from error

    def _line(self, limit):
        ready, _, _ = select.select([self.popen.stdout], [], [], limit)
        if not ready:
            self.stop()
            raise LoadFailure(f"the load generator said nothing for {limit:.0f} s")
        line = self.popen.stdout.readline()
        if not line:
            message = self.popen.stderr.read().decode(errors="replace").strip()
            self.stop()
            raise LoadFailure(message.removeprefix("warren-bench load: ") or "the load generator ended without a word")
        return json.loads(line)

    def wait_ready(self):
        """Until every connection stands."""
        self._line(self.limit)

    def finish(self):
        """The result, once the window is over."""
        try:
            return self._line(self.limit)
        finally:
            self.stop()

    def end_early(self):
        """Ends a window early; the result is what there is."""
        self.popen.terminate()
        return self.finish()

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()
        self.popen.stderr.close()


def run(binary, address, groups, **settings):
    """A whole run; the generator's report."""
    load = Load(binary, address, groups, **settings)
    try:
        load.wait_ready()
        return load.finish()
    except BaseException:
        if load.popen.poll() is None:
            load.stop()
        raise
