"""What the tests of examples/ share: how an example is run, and what is particular to an event that has arrived."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.posthog_server import PostHogServer

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "phc_examples"
PATIENCE = 120  # seconds for a process to start or to end; a machine with other work takes long to import a framework

# What every event has, and the list of its other properties' names; both are tested elsewhere.
COMMON = {"$lib", "$lib_version", "segment_library", "distinct_id", "$context_tags"}


def environment(server: PostHogServer, **more: str) -> dict[str, str]:
    """The test's environment with the two variables that all examples read."""
    return {
        **os.environ,
        "POSTHOG_PROJECT_API_KEY": KEY,
        "POSTHOG_HOST": server.url,
        "NO_PROXY": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def run(name: str, env: dict[str, str]) -> str:
    """Run an example to its end, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], ready: str, log: Path) -> Iterator[re.Match[str]]:
    """Start a server or worker. Yield the match of the line that says that it is ready. Stop it by a Ctrl-C."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=env, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:
        yield wait_for_line(process, ready, log)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for_line(process: subprocess.Popen[bytes], pattern: str, log: Path) -> re.Match[str]:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        if match := re.search(pattern, log.read_text()):
            return match
        time.sleep(0.05)
    raise AssertionError(f"no {pattern!r} in:\n{log.read_text()}")


def essence(event: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """An event without what all have."""
    properties = {name: value for name, value in event["properties"].items() if name not in COMMON}
    return event["event"], event["distinct_id"], properties
