"""`convert`: reads messages and writes events, one a line."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog._cli import main
from analytics_posthog._delivery import LIB
from analytics_posthog.convert import to_posthog
from tests.convert.test_parity import CASES
from tests.support.child_process import environment, run_python

TRACK: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "anonymousId": "a1",
    "messageId": "m1",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "properties": {"revenue": 12.5, "url": "https://shop.example/checkout"},
    "context": {"ip": "192.0.2.1", "page": {"url": "https://shop.example/cart", "path": "/cart"}, "groupId": "g1"},
    "integrations": {},
    "receivedAt": "2026-01-02T03:04:06.000Z",
}
ALIAS: dict[str, Any] = {
    "type": "alias",
    "userId": "u1",
    "previousId": "a1",
    "messageId": "m2",
    "timestamp": "2026-01-02T03:04:06Z",
}


def event_of(message: dict[str, Any], **settings: str) -> dict[str, Any]:
    event = to_posthog(message, **settings)
    event["properties"].update(LIB)
    return event


def text(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def convert(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]], str]:
    """Return the exit code, the events, and what went to standard error."""
    code = main(["convert", *arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "archive.jsonl"
    file.write_bytes(text(TRACK, ALIAS))
    return file


FORMS = {
    "plain": text(TRACK, ALIAS),
    "gzip": gzip.compress(text(TRACK, ALIAS)),
    "two gzip members": gzip.compress(text(TRACK)) + gzip.compress(text(ALIAS)),
    "BOM": b"\xef\xbb\xbf" + text(TRACK, ALIAS),
    "BOM in gzip": gzip.compress(b"\xef\xbb\xbf" + text(TRACK, ALIAS)),
    "CRLF": text(TRACK, ALIAS).replace(b"\n", b"\r\n"),
    "blank lines": b"\n\n" + text(TRACK) + b" \r\n" + text(ALIAS) + b"\n",
    "no last line end": text(TRACK, ALIAS).rstrip(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_messages_are_converted_from_every_form_of_file(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "archive"
    file.write_bytes(content)
    assert convert(str(file), capsys=capsys) == (0, [event_of(TRACK), event_of(ALIAS)], "")


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=str)
def test_without_a_file_standard_input_is_read(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "analytics_posthog", "convert", *arguments]
    done = subprocess.run(
        command, env=environment(), input=gzip.compress(text(TRACK)), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, event_of(TRACK), b"")


def test_the_parity_cases_get_the_uuids_of_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_bytes(text(*(case["message"] for case in CASES)))
    code, events, _ = convert(str(file), capsys=capsys)
    assert code == 0
    assert [event["uuid"] for event in events] == [case["event"]["uuid"] for case in CASES]


def test_the_settings_of_the_conversion_are_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    anonymous = {key: value for key, value in TRACK.items() if key not in ("userId", "context")}
    file = tmp_path / "archive"
    file.write_bytes(text(TRACK, anonymous))
    chosen = {"group_type": "company", "person_profiles": "identified_only"}
    arguments = ["--group-type", "company", "--person-profiles", "identified_only"]
    assert convert(str(file), *arguments, capsys=capsys) == (
        0,
        [event_of(TRACK, **chosen), event_of(anonymous, **chosen)],
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--person-profiles", "never"], "--person-profiles must be one of always, identified_only"),
        (
            ["--group-type", " "],
            "group_type must be the name of a group type in PostHog, such as 'company', "
            "or a function that returns it for a message",
        ),
    ],
)
def test_a_wrong_setting_is_an_error(
    arguments: list[str], reason: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(str(archive), *arguments, capsys=capsys) == (2, [], f"analytics-posthog: error: {reason}\n")


NO_MESSAGES = {
    "not JSON": (b"{", "not valid JSON"),
    "binary": (b"\xff\xfe\x00", "not UTF-8"),
    "a list": (b"[1]", "not a Segment message: no JSON object"),
    "another type": (
        b'{"type": "delete"}',
        "not a Segment message: its type must be one of track, identify, page, screen, group, alias",
    ),
    "no name": (text({**TRACK, "event": " "}).strip(), "track needs an event name that isn't blank"),
    "no id": (text({**TRACK, "userId": None, "anonymousId": ""}).strip(), "track needs an id that isn't blank"),
}


@pytest.mark.parametrize(("line", "reason"), NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_a_line_that_is_not_a_message_is_reported_and_the_others_are_converted(
    line: bytes, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "archive"
    file.write_bytes(text(TRACK) + line + b"\n" + text(ALIAS))
    assert convert(str(file), capsys=capsys) == (1, [event_of(TRACK), event_of(ALIAS)], f"{file}:2: {reason}\n")


def test_a_gzip_that_is_cut_off_gives_its_whole_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "archive.gz"
    noise = {**ALIAS, "context": {"noise": os.urandom(3000).hex()}}
    file.write_bytes(gzip.compress(text(TRACK) + text(noise))[:-1500])
    code, events, err = convert(str(file), capsys=capsys)
    assert (code, events) == (1, [event_of(TRACK)])
    assert [line.partition(": ")[2] for line in err.splitlines()][-1].startswith("the file's gzip data ends too early")


def test_a_file_that_can_t_be_read_does_not_stop_the_next(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = archive.parent / "a-loop"
    loop.symlink_to(loop)
    assert convert(str(loop), str(archive), capsys=capsys)[:2] == (1, [event_of(TRACK), event_of(ALIAS)])


def test_no_file_at_all_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, events, err = convert(str(tmp_path / "nowhere"), capsys=capsys)
    assert (code, events, err.count("\n")) == (2, [], 1)
    assert err.startswith("analytics-posthog: error: no file at ")


def test_a_terminal_is_not_read_from(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    code, events, err = convert(capsys=capsys)
    assert (code, events) == (2, [])
    assert err.startswith("analytics-posthog: error: convert needs FILE, or messages on standard input")


def test_a_warning_of_the_conversion_is_a_note_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "archive"
    file.write_bytes(text(TRACK, {**ALIAS, "previousId": "guest"}))
    code, events, err = convert(str(file), capsys=capsys)
    assert (code, len(events)) == (0, 2)
    why = "PostHog doesn't merge such an id (blank, too general, too long, or the same)"
    assert err == f"{file}:2: note: left out alias: {why}; the event is sent. Pass the person's own id\n"


def test_a_message_that_is_not_for_posthog_is_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "archive"
    file.write_bytes(text({**TRACK, "integrations": {"All": False}}, ALIAS))
    said = "note: 1 message left out: their integrations keep them from PostHog\n"
    assert convert(str(file), capsys=capsys) == (0, [event_of(ALIAS)], said)


def test_no_file_s_name_puts_an_escape_sequence_on_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b]0;title\x07\x1b[2J.jsonl"
    file.write_text("no json\n")
    for command in (["convert", str(file)], ["convert", f"{file}x"], ["replay", f"{file}x", "--dry-run"]):
        done = run_python("-m", "analytics_posthog", *command)
        assert "\x1b" not in done.stdout + done.stderr, command
        assert "\x07" not in done.stdout + done.stderr, command
        assert "title" in done.stderr + done.stdout, command
