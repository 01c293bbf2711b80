"""Runs Python in a process of its own, with the same packages as the tests have."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def environment(**extra: str) -> dict[str, str]:
    """This process's variables, with the package under test and the tests' own modules importable."""
    spec = importlib.util.find_spec("analytics_posthog")
    package = [str(Path(spec.origin).parent.parent)] if spec and spec.origin else []
    paths = [str(TESTS.parent), *package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **extra}


def run_python(*arguments: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python *arguments`; TimeoutExpired, and the process killed, if it takes longer than `timeout`."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=timeout, check=False
    )
