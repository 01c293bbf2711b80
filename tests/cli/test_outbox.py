"""The command `outbox`: what waits, since when, why; sending and exporting it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog._cli import main
from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

KEY = "phc_outbox"
LEAVE = """
import os, sys
from analytics_posthog import Client
client = Client("phc_outbox", "http://127.0.0.1:9", outbox=sys.argv[1])
for number in range(3):
    client.track(f"u{number}", "Bought", {"number": number}, timestamp=f"2026-01-0{number + 1}T00:00:00Z")
client.identify("u1", {"plan": "pro"})
os._exit(0)
"""


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox that an ended process has left, with three tracks and an identify."""
    monkeypatch.setenv("POSTHOG_PROJECT_API_KEY", KEY)
    place = tmp_path / "outbox"
    assert run_python("-c", LEAVE, str(place)).returncode == 0
    return place


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["outbox", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_it_shows_what_waits_since_when_and_why(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(path.stat().st_size for path in outbox.iterdir())
    before = {path: path.read_bytes() for path in outbox.iterdir()}
    assert shown(capsys, outbox) == (
        1,
        f"waiting: 4 messages, {size / 1024:,.0f} KiB in 1 file\n"
        "  since 2026-01-01T00:00:00.000+00:00\n"
        "           3  track\n"
        "           1  identify\n"
        "  4 of ended processes: the app's next process sends them, or --send\n"
        "refused by PostHog: 0 messages\n"
        "in files that had lines that are no messages: 0 lines\n",
    )
    assert {path: path.read_bytes() for path in outbox.iterdir()} == before


def test_it_says_which_messages_a_running_process_has(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(KEY, "http://127.0.0.1:9", outbox=outbox / "mine", max_retries=0)
    client.track("u9", "Bought")
    code, text = shown(capsys, outbox / "mine")
    assert code == 1
    assert "  1 in use: their processes run, and send them (some may have been sent)\n" in text
    client.shutdown()


def test_an_empty_outbox_is_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = shown(capsys, tmp_path)
    assert code == 0
    assert text.startswith("waiting: 0 messages\nrefused by PostHog: 0 messages\n")


def test_as_json(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = shown(capsys, outbox, "--json")
    found: dict[str, Any] = json.loads(text)
    size = sum(path.stat().st_size for path in outbox.iterdir())
    assert (code, found) == (
        1,
        {
            "waiting": 4,
            "in_use": 0,
            "since": "2026-01-01T00:00:00.000+00:00",
            "calls": {"track": 3, "identify": 1},
            "bytes": size,
            "files": 1,
            "refused": {},
            "corrupt": 0,
        },
    )


def test_sending_delivers_what_ended_processes_left(
    outbox: Path, capsys: pytest.CaptureFixture[str], posthog_server: PostHogServer
) -> None:
    assert shown(capsys, outbox, "--send", "--host", posthog_server.url) == (0, "delivered: 4 messages\n")
    assert sorted(event["event"] for event in posthog_server.events) == ["$identify", "Bought", "Bought", "Bought"]
    assert shown(capsys, outbox)[0] == 0


def test_sending_to_a_server_that_is_away_loses_nothing(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = shown(capsys, outbox, "--send", "--host", "http://127.0.0.1:9", "--timeout", "1")
    assert (code, text) == (1, "delivered: 0 messages\nleft: 4 messages, of which 0 in use by processes\n")
    assert shown(capsys, outbox)[1].startswith("waiting: 4 messages")


def test_what_posthog_refuses_is_counted_with_its_reason(
    outbox: Path, capsys: pytest.CaptureFixture[str], posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda request: (
        (400, {}, b"") if b'"u1"' in request.body and b"Bought" in request.body else None
    )
    code, text = shown(capsys, outbox, "--send", "--host", posthog_server.url)
    assert (code, text) == (1, "delivered: 3 messages\nrefused by PostHog: 1 message\n")
    code, text = shown(capsys, outbox)
    assert (code, "refused by PostHog: 1 message\n           1  PostHog answered 400" in text) == (1, True)


def test_an_export_has_the_messages_and_removes_nothing(
    outbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "waiting.jsonl"
    assert shown(capsys, outbox, "--export", file) == (0, f"exported: 4 messages to {file}\n")
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [message["type"] for message in exported] == ["track", "track", "track", "identify"]
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert shown(capsys, outbox, "--export", "-")[1] == file.read_text()
    assert main(["outbox", str(outbox), "--export", str(file)]) == 2
    assert "is there already. Name a new file" in capsys.readouterr().err
    assert main(["convert", str(file)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_directory_that_isnt_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", str(tmp_path / "nowhere")]) == 2
    assert "can't be read: No such file or directory. Name the outbox" in capsys.readouterr().err


def test_files_that_are_not_the_outbox_s_are_not_looked_at(outbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outbox / "customers.jsonl").write_text('{"type": "track"}\n')
    assert shown(capsys, outbox)[1].startswith("waiting: 4 messages")
