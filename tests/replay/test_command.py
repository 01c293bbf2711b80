"""`analytics-posthog replay`: its output, its files and its exit codes."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from analytics_posthog._cli.main import main
from analytics_posthog._cli.progress import Progress
from tests.support.posthog_server import PostHogServer
from tests.support.replays import KEY, message, mode, numbers, rejects, replay, variables, write

SUMMARY = """\
delivered: 7
             4  track
             2  page
             1  identify
first: 2024-03-01T12:00:00.000+00:00
last: 2024-03-01T12:00:00.000+00:00
skipped: 1
             1  its integrations keep it from PostHog
rejected: 2
             2  not valid JSON
N s, N events/s
"""
DRY = """\
would be sent: 7
             4  track
             2  page
             1  identify
as events:
             4  Counted
             2  $pageview
             1  $identify
with a consent object: 0
  of them with a no to a category: 0
first: 2024-03-01T12:00:00.000+00:00
last: 2024-03-01T12:00:00.000+00:00
skipped: 1
             1  its integrations keep it from PostHog
would be rejected: 2
             2  not valid JSON
"""


def archive(directory: Path) -> None:
    """Three files in Segment's layout, with seven messages to be sent, one that isn't, and two bad lines."""
    logs = directory / "archive" / "segment-logs"
    write(logs / "b" / "1700000000000" / "1.gz", [message(0), b"bad\n", message(1)])
    write(
        logs / "a" / "1700000000000" / "2.gz", [message(2), message(3, "page"), message(9, integrations={"All": False})]
    )
    write(logs / "a" / "1700086400000" / "1.gz", [message(4, "identify"), message(5, "page"), message(6), b"worse\n"])


def without_figures(text: str) -> str:
    return re.sub(r"^[\d.,]+ s, [\d,]+ events/s$", "N s, N events/s", text, flags=re.M)


def test_a_directory_is_replayed_oldest_first_and_the_summary_counts_all(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    done = replay(posthog_server.url, tmp_path, "archive")
    assert [event["uuid"] for event in posthog_server.events] == [
        event["uuid"] for event in posthog_server.unique_events()
    ]
    assert [int(event["distinct_id"].partition("-")[2]) for event in posthog_server.events] == list(range(7))
    assert without_figures(done.stdout) == SUMMARY
    assert (done.returncode, done.stderr) == (1, "2 lines were rejected, see rejects.jsonl\n")
    assert [(reject["line"], reject["text"]) for reject in rejects(tmp_path / "rejects.jsonl")] == [
        (2, "bad"),
        (4, "worse"),
    ]


def test_a_second_run_sends_nothing_and_says_what_was_sent_before(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    first = replay(posthog_server.url, tmp_path, "archive")
    requests = len(posthog_server.requests)
    again = replay(posthog_server.url, tmp_path, "archive")
    assert len(posthog_server.requests) == requests
    assert first.stdout.startswith("delivered: 7\n             4  track\n")
    assert again.stdout.startswith("delivered: 0\nsent before: 7\n             4  track\n")
    assert re.search(r"\n[\d.]+ s\n$", again.stdout)
    assert len(rejects(tmp_path / "rejects.jsonl")) == 2


def test_a_file_that_has_grown_is_read_again(posthog_server: PostHogServer, tmp_path: Path) -> None:
    for count in (2, 3):
        write(tmp_path / "a.gz", [message(number) for number in range(count)])
        assert replay(posthog_server.url, tmp_path, "a.gz").returncode == 0
    assert numbers(posthog_server.unique_events()) == [0, 1, 2]


def test_a_dry_run_counts_and_sends_and_writes_nothing(posthog_server: PostHogServer, tmp_path: Path) -> None:
    archive(tmp_path)
    done = replay(
        posthog_server.url, tmp_path, "archive", "--dry-run", "--rate", "2", env={"POSTHOG_PROJECT_API_KEY": ""}
    )
    assert done.stdout == DRY + "estimated duration: 0:00:04 at 2 events/s\n"
    assert (done.returncode, done.stderr) == (1, "")
    assert posthog_server.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_state_and_rejects_are_private_and_hold_no_key(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0), b"bad\n"])
    replay(posthog_server.url, tmp_path, "a.gz", "--state", "kept/state", "--rejects", "bad.jsonl")
    files = list((tmp_path / "kept" / "state").iterdir())
    assert [mode(path) for path in files] == [0o600]
    assert (mode(tmp_path / "kept" / "state"), mode(tmp_path / "bad.jsonl")) == (0o700, 0o600)
    assert KEY not in files[0].read_text() + files[0].name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "bad.jsonl", "kept"]


def test_rejects_and_state_in_a_source_directory_are_not_read_as_archives(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(0), b"bad\n"])
    for _ in range(2):
        done = replay(posthog_server.url, tmp_path, ".", "--state", "state")
        assert "rejected: 1\n" in done.stdout
    assert len(rejects(tmp_path / "rejects.jsonl")) == 1


def test_the_options_reach_the_replay(posthog_server: PostHogServer, tmp_path: Path) -> None:
    messages = [message(number, timestamp=f"2024-01-0{number + 1}T00:00:00.000Z") for number in range(4)]
    write(tmp_path / "a.gz", [*messages, message(5, event="A"), message(6, event="B, too"), message(7, "identify")])
    arguments = (
        "--since",
        "2024-01-02",
        "--only",
        "track,identify",
        "--skip-events",
        "A",
        "--set-once",
        "--person-profiles",
        "identified_only",
    )
    done = replay(posthog_server.url, tmp_path, "a.gz", *arguments)
    assert done.returncode == 0
    assert [event["event"] for event in posthog_server.events] == [
        "Counted",
        "Counted",
        "Counted",
        "B, too",
        "$identify",
    ]
    assert posthog_server.events[-1]["properties"]["$set_once"] == {"number": 7}


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_sent(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "1.gz", [message(0)])
    os.symlink("nowhere", tmp_path / "2.gz")
    write(tmp_path / "3.gz", [message(1)])
    done = replay(posthog_server.url, tmp_path, ".")
    assert done.stderr.startswith(
        "./2.gz can't be read: No such file or directory. Run the same command again to retry it\n"
    )
    assert (done.returncode, numbers(posthog_server.events)) == (1, [0, 1])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("missing.gz",), "no file at missing.gz"),
        (
            ("a.gz", "--since", "soon"),
            "--since must be a date or a time, such as 2024-05-31 or 2024-05-31T12:00:00Z, got 'soon'",
        ),
        (("a.gz", "--only", "tracks"), "only must name calls of track"),
        (("a.gz", "--rate", "-1"), "rate must be a number from 0"),
        (("a.gz", "--dry-run", "--rate", "nan"), "rate must be a number from 0"),
        (("a.gz", "--person-profiles", "x"), "person-profiles must be one of"),
        (("a.gz", "--host", "posthog.com"), "host must be a URL"),
        (("a.gz", "--state", "/dev/null"), "the state can't be kept in /dev/null"),
        ((), "SOURCE"),
    ],
)
def test_a_wrong_option_is_one_line_and_code_2(
    arguments: tuple[str, ...], text: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(0)])
    done = replay(posthog_server.url, tmp_path, *arguments)
    assert done.returncode == 2
    assert text in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert posthog_server.requests == []


def test_without_a_key_nothing_is_read_or_written(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0)])
    done = replay(posthog_server.url, tmp_path, "a.gz", env={"POSTHOG_PROJECT_API_KEY": ""})
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


def test_a_full_disk_for_the_rejects_ends_the_replay_and_the_same_command_continues(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(0), b"bad\n", message(1)])
    done = replay(posthog_server.url, tmp_path, "a.gz", "--rejects", "/dev/full")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Run the same command again to continue" in done.stderr
    done = replay(posthog_server.url, tmp_path, "a.gz")
    assert (done.returncode, len(rejects(tmp_path / "rejects.jsonl"))) == (1, 1)
    assert numbers(posthog_server.unique_events()) == [0, 1]


def test_without_a_terminal_progress_is_a_line_every_few_seconds(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analytics_posthog._cli.progress._LINE_EVERY", 0.0)
    for name, value in variables(posthog_server.url).items():
        monkeypatch.setenv(name, value)
    archive(tmp_path)
    files = ["--state", str(tmp_path / "state"), "--rejects", str(tmp_path / "rejects.jsonl")]
    assert main(["replay", str(tmp_path / "archive"), "--rate", "0", *files]) == 1
    lines = re.sub(r"[\d,]+/s", "N/s", re.sub(r"\d:\d\d:\d\d left", "T left", capsys.readouterr().err)).splitlines()
    assert lines == [
        "2 events, N/s, 1 rejected, 0 of 3 files, T left",
        "4 events, N/s, 1 rejected, 1 of 3 files, T left",
        "7 events, N/s, 2 rejected, 2 of 3 files, T left",
        f"2 lines were rejected, see {tmp_path}/rejects.jsonl",
    ]


def test_a_terminal_without_rich_gets_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with Progress([]) as progress:
        progress.say("a line")
    assert capsys.readouterr().err == "a line\n"


def test_the_help_has_examples_and_says_that_standard_input_is_read_from_its_beginning(tmp_path: Path) -> None:
    done = replay(None, tmp_path, "--help")
    assert done.returncode == 0
    for text in (
        "examples:",
        "--dry-run archive/",
        "s3://bucket/segment-logs/",
        "standard input (-)",
        "PostHog has no $set_once for groups",
    ):
        assert text in done.stdout
