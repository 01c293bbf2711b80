"""docs/moving.md, the guide: every command and every piece of Python in it is run.

`test_guide_queries.py` runs its SQL.
"""

from __future__ import annotations

import configparser
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog._settings import HOST_VARIABLE, KEY_VARIABLE
from analytics_posthog.convert import to_posthog
from tests.support.child_process import environment, run_python
from tests.support.posthog_server import PostHogServer

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = (ROOT / "docs" / "moving.md").read_text("utf-8")
KEY = "phc_" + "Ab3" * 14 + "x"
DAY = 86_400_000  # ms


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", CHAPTER, re.M | re.S)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line]
INSTALLS = [command for command in COMMANDS if command.startswith("pip install ")]
RUN = [command for command in COMMANDS if command not in INSTALLS]
SNIPPETS = blocks("python")


def message(number: int, **fields: Any) -> dict[str, Any]:
    """One as Segment's archives have it, with the fields that Segment adds."""
    time = f"2025-12-31T0{number % 10}:00:00.000Z"
    added = {
        "receivedAt": time,
        "sentAt": time,
        "originalTimestamp": time,
        "version": 2,
        "projectId": "p",
        "channel": "server",
    }
    return {
        "type": "track",
        "userId": "u1",
        "event": "Bought",
        "messageId": f"m{number}",
        "timestamp": time,
        **added,
        **fields,
    }


ARCHIVED = [
    message(1),
    message(2, type="identify", event=None, traits={"plan": "pro"}),
    message(3, event="Heartbeat"),
    message(4, timestamp="2026-01-02T00:00:00.000Z"),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the commands are run: an archive in Segment's layout on S3."""
    days = tmp_path / "archive" / "segment-logs" / "source1"
    for day, messages in ((1_767_139_200_000, ARCHIVED[:2]), (1_767_139_200_000 + DAY, ARCHIVED[2:])):
        (days / str(day)).mkdir(parents=True)
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        (days / str(day) / "1.a.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "app.py").write_text("import segment.analytics as analytics\n\nanalytics.track(user, 'Bought')\n")
    (tmp_path / ".gitignore").write_text("bin\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True)
    return tmp_path


def run(command: str, directory: Path, server: PostHogServer) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would type it, where `analytics-posthog` is this package's."""
    bin_directory = directory / "bin"
    bin_directory.mkdir(exist_ok=True)
    program = bin_directory / "analytics-posthog"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m analytics_posthog "$@"\n')
    program.chmod(0o755)
    variables = {
        HOST_VARIABLE: server.url,
        KEY_VARIABLE: KEY,
        "XDG_STATE_HOME": str(directory / "state"),
        "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}",
    }
    bash = ["bash", "-c", command]
    return subprocess.run(
        bash, env=environment(**variables), cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_chapter_has_commands_and_code() -> None:
    assert {command.split()[1] for command in RUN} == {"check", "convert", "migrate", "replay"}
    assert (len(INSTALLS), len(SNIPPETS), len(blocks("sql"))) == (2, 2, 2)
    assert {KEY_VARIABLE, HOST_VARIABLE} <= set(re.findall(r"`(POSTHOG_\w+)`", CHAPTER))


@pytest.mark.parametrize("command", INSTALLS)
def test_what_it_installs_is_this_package_with_extras_that_there_are(command: str) -> None:
    found = re.fullmatch(r"pip install '([\w-]+)\[([\w,]+)\]'", command)
    assert found is not None
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert found[1] == settings["metadata"]["name"]
    assert set(found[2].split(",")) <= set(settings["options.extras_require"])


@pytest.mark.parametrize("command", RUN)
def test_each_command_does_what_it_says(command: str, directory: Path, posthog_server: PostHogServer) -> None:
    done = run(command, directory, posthog_server)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"error|Traceback", done.stderr)
    assert KEY not in done.stdout + done.stderr
    sent = [event["event"] for event in posthog_server.events]
    if " check" in command:
        assert sent == ["analytics-posthog check"]
    elif "--dry-run" in command or " convert " in command or " migrate" in command:
        assert (sent, bool(done.stdout)) == ([], True)
        changed = "analytics_posthog" in (directory / "app.py").read_text()
        assert changed == ("--write" in command)
    else:
        assert sent == ["Bought", "$identify"]


def test_the_replay_sends_the_history_and_a_second_one_nothing_new(
    directory: Path, posthog_server: PostHogServer
) -> None:
    (command,) = (command for command in RUN if " replay " in command and "--dry-run" not in command)
    assert run(command, directory, posthog_server).returncode == 0
    assert run(command, directory, posthog_server).returncode == 0
    assert [(event["event"], event["uuid"], event["timestamp"]) for event in posthog_server.unique_events()] == [
        (event["event"], event["uuid"], event["timestamp"]) for event in map(to_posthog, ARCHIVED[:2])
    ]
    assert [batch["historical_migration"] for batch in posthog_server.batches] == [True] * len(posthog_server.batches)
    (identify,) = (event for event in posthog_server.unique_events() if event["event"] == "$identify")
    assert identify["properties"]["$set_once"] == {"plan": "pro"}
    assert not identify["properties"].get("$set")


def test_the_code_of_the_dual_run_sends_each_message_to_both(posthog_server: PostHogServer) -> None:
    (snippet,) = (snippet for snippet in SNIPPETS if "segment_write_key" in snippet)
    for shown, real in (
        ("phc_...", KEY),
        ("https://eu.i.posthog.com", posthog_server.url),
        ("https://api.segment.io", posthog_server.url),
    ):
        assert shown in snippet
        snippet = snippet.replace(shown, real)
    done = run_python(
        "-c", snippet + 'analytics.track("u1", "Bought")\nassert analytics.flush()\nanalytics.shutdown()\n'
    )
    assert (done.returncode, done.stderr) == (0, "")
    (event,) = posthog_server.wait_for(1)
    (sent,) = posthog_server.wait_for_segment(1)
    assert event["uuid"] == to_posthog(sent)["uuid"]


def test_the_code_for_others_imports_makes_segment_s_name_this_package() -> None:
    (snippet,) = (snippet for snippet in SNIPPETS if "install_as_segment" in snippet)
    check = "import segment.analytics\nassert segment.analytics.track is analytics_posthog.track\n"
    done = run_python("-c", snippet + check)
    assert (done.returncode, done.stderr) == (0, "")
