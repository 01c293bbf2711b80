"""For the tests of the replay: makes archives, runs the command, and reads the files that it leaves."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from analytics_posthog._cli import main
from tests.support.child_process import environment
from tests.support.posthog_server import PostHogServer

KEY = "phc_replay"
POSTHOG_NAMESPACE = uuid.uuid5(uuid.UUID(int=0), "PostHog")
STATE = "state/analytics-posthog/replay"  # in a test's directory
COUNT = 4000  # lines of write_four_files
BAD = range(0, COUNT, 97)  # those that are no JSON
TIME = "2024-03-01T12:00:00.000Z"


def message(number: int, call: str = "track", **fields: Any) -> dict[str, Any]:
    """A message as Segment's archives have it."""
    own: dict[str, Any] = {
        "track": {"event": "Counted", "properties": {"number": number}},
        "identify": {"traits": {"number": number}},
        "page": {"name": "Home", "properties": {"number": number}},
        "screen": {"name": "Home", "properties": {"number": number}},
        "group": {"groupId": f"company-{number}", "traits": {"number": number}},
        "alias": {"previousId": f"earlier-{number}"},
    }[call]
    added = {
        "receivedAt": TIME,
        "sentAt": TIME,
        "originalTimestamp": TIME,
        "version": 2,
        "projectId": "p",
        "channel": "server",
    }
    base = {
        "type": call,
        "userId": f"user-{number}",
        "messageId": f"m-{number}",
        "timestamp": TIME,
        "context": {},
        "integrations": {},
    }
    return {**base, **own, **added, "_metadata": {"nodeVersion": "20"}, "writeKey": "w", **fields}


def jsonl(messages: Iterable[Any]) -> bytes:
    """A JSON message a line; what is bytes already is taken as it is."""
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in messages)


def write(path: Path, messages: Iterable[Any], *, zipped: bool = True) -> Path:
    """A file of these messages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(jsonl(messages)) if zipped else jsonl(messages))
    return path


def write_four_files(directory: Path) -> None:
    """Four files of a thousand lines; every 97th is bad."""
    for first in range(0, COUNT, 1000):
        lines = [b"bad %d\n" % number if number in BAD else message(number) for number in range(first, first + 1000)]
        write(directory / "archive" / f"{first}.gz", lines)


def check_all_arrived(server: PostHogServer, directory: Path) -> None:
    """Each good line of the four files is in PostHog once, and each bad line is in the rejects once."""
    assert sorted(numbers(server.unique_events())) == [number for number in range(COUNT) if number not in BAD]
    assert [reject["text"] for reject in rejects(directory / "rejects.jsonl")] == [f"bad {number}" for number in BAD]


def uuid_of(message_id: str) -> str:
    """The uuid that PostHog's own destination gives to a message."""
    return str(uuid.uuid5(POSTHOG_NAMESPACE, message_id))


def command_line(*arguments: object) -> list[str]:
    """The one place that knows how the command is started."""
    return [sys.executable, "-W", "error", "-m", "analytics_posthog", "replay", *map(str, arguments)]


def variables(host: str | None = None, **more: str) -> dict[str, str]:
    """A user's environment: key and host in it."""
    named = {"POSTHOG_HOST": host} if host else {}
    return environment(**{"POSTHOG_PROJECT_API_KEY": KEY, "NO_PROXY": "127.0.0.1", **named, **more})


def _state(directory: Path) -> dict[str, str]:
    """The user's directory for states, which would be another one."""
    return {"XDG_STATE_HOME": str(directory / "state")}


def replay(
    host: str | None, directory: Path, *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, in a directory of its own. Rate 0 unless the arguments say another."""
    given = ["replay", "--rate", "0", *map(str, arguments)]
    output, errors, here = io.StringIO(), io.StringIO(), os.getcwd()
    with patch.dict(os.environ, variables(host, **{**_state(directory), **(env or {})}), clear=True):
        os.chdir(directory)
        try:
            with redirect_stdout(output), redirect_stderr(errors):
                code = main(given)
        finally:
            os.chdir(here)
    return subprocess.CompletedProcess(given, code, output.getvalue(), errors.getvalue())


def replay_process(
    host: str | None,
    directory: Path,
    *arguments: object,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own."""
    done = subprocess.run(
        command_line("--rate", "0", *arguments),
        cwd=directory,
        env=variables(host, **{**_state(directory), **(env or {})}),
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def start(host: str, directory: Path, *arguments: object, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start the command, to be killed or waited for."""
    return subprocess.Popen(
        command_line("--rate", "0", *arguments),
        cwd=directory,
        env=variables(host, **_state(directory)),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rejects(path: Path) -> list[dict[str, Any]]:
    """What a rejects file holds."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def numbers(events: Iterable[Mapping[str, Any]]) -> list[int]:
    """The `number` of each track that arrived."""
    return [event["properties"]["number"] for event in events]


def mode(path: Path) -> int:
    """Who may read it."""
    return os.stat(path).st_mode & 0o777
