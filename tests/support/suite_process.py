"""Runs a directory's tests as their team would: a pytest of their own, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

NO_SERVER = "http://127.0.0.1:9"  # nobody listens there


def run_suite(directory: Path, *options: str) -> tuple[list[str], list[str], str]:
    """Return the names of the tests that passed, of those that failed, and what pytest printed.

    No conftest.py above the directory is read, and of other plugins only those that the options name. Warnings are
    errors. A skip, or an error outside of a test, fails here.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("POSTHOG_", "PYTEST_", "COV_"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-vv",
        "-W",
        "error",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
        "--confcutdir",
        ".",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    done = subprocess.run(
        [*command, "."],
        cwd=directory,
        env={
            **env,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
            "POSTHOG_HOST": NO_SERVER,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = done.stdout + done.stderr
    outcomes = dict(re.findall(r"::(\w+) (PASSED|FAILED|ERROR|SKIPPED)", printed))
    assert done.returncode in (0, 1), printed
    assert set(outcomes.values()) <= {"PASSED", "FAILED"}, printed
    passed, failed = (
        [name for name, outcome in outcomes.items() if outcome == wanted] for wanted in ("PASSED", "FAILED")
    )
    return passed, failed, printed
