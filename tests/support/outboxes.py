"""Outboxes as tests see them: their files, what dead processes left there, and processes that use one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import analytics_posthog as analytics
from tests.support.child_process import environment
from tests.support.two_clients import abandon

# What a process of its own begins with; its arguments are the server's address and the outbox.
SETUP = """
import json, os, sys, threading, time
import analytics_posthog as analytics
analytics.write_key, analytics.host, analytics.outbox = "phc_key", sys.argv[1], sys.argv[2]
"""
DELIVER = SETUP + "print(json.dumps([analytics.flush(30), analytics.stats()]))"


def lines(directory: Path) -> list[dict[str, Any]]:
    """The messages that stand in an outbox."""
    return [json.loads(line) for path in sorted(directory.glob("*.jsonl")) for line in path.read_text().splitlines()]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def messages(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Messages as calls make them, numbered, without sending them."""
    client = analytics.Client("phc_key", send=False)
    return [client.track(f"u{number}", "Event", {"number": number})[1] for number in range(first, first + count)]


def left_by_dead(
    directory: Path, *content: dict[str, Any] | bytes, name: str = "1-deaddeaddeaddeaddeaddeaddeaddead.jsonl"
) -> Path:
    """A file as a dead process leaves it: messages, or bytes as they are."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / name
    path.write_bytes(
        b"".join(part if isinstance(part, bytes) else json.dumps(part).encode() + b"\n" for part in content)
    )
    return path


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return sorted(event["properties"]["number"] for event in events)


@contextlib.contextmanager
def client(host: str, outbox: Path, **options: Any) -> Iterator[analytics.Client]:
    made = analytics.Client("phc_key", host, outbox=outbox, **{"upload_interval": 0.05, **options})
    try:
        yield made
    finally:
        abandon(made)


def start(
    script: str, *arguments: object, stdin: int | None = None, under: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """A Python process that runs a script, with its output in pipes; `under` another program."""
    command = [*under, sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def output(process: subprocess.Popen[str], timeout: float = 60) -> str:
    """What the process has said at its end; it is killed, and the test fails, if that takes longer than `timeout`."""
    with process:
        try:
            said, complained = process.communicate(timeout=timeout)
        finally:
            process.kill()
    assert process.returncode == 0, complained
    return said


def run(script: str, *arguments: object, timeout: float = 60, under: Sequence[str] = ()) -> str:
    return output(start(script, *arguments, under=under), timeout)
