"""Python processes that answer line by line. Each client has its own interpreter, and they are measured by turns.

A process that doesn't answer in time is killed, and its standard error is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parent.parent.parent
TIMEOUT = 600  # seconds


def environment() -> dict[str, str]:
    """This process's variables, without PostHog's and without what makes imports slower; loopback needs no proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("POSTHOG_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def options(description: str | None, of_child: int) -> argparse.Namespace:
    """Read a benchmark's command line: `--quick`, and `--child` with so many arguments for what it runs itself in."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only see whether it works")
    parser.add_argument("--child", nargs=of_child, help=argparse.SUPPRESS)
    return parser.parse_args()


def python(*arguments: str) -> str:
    """The output of `python *arguments`."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True
    ).stdout


class Process:
    """Runs a module of this package: `with Process("worker", "ours") as process:`. At the end it is killed."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]

    def __enter__(self) -> Process:
        self._errors = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=environment(),
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ask(self, question: str) -> str:
        """Write a line and return the line that it is answered with."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # answer() says more
            print(question, file=self._process.stdin, flush=True)
        return self.answer()

    def answer(self) -> str:
        """Return the next line. Raises RuntimeError if none comes."""
        assert self._process.stdout is not None
        limit = threading.Timer(TIMEOUT, self._process.kill)
        limit.start()
        try:
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{' '.join(self._command[1:])} gave no answer\n{self._errors.read()}")
        return line.strip()
