"""`analytics-posthog replay` as its users run it: what it prints, what it leaves behind, how it ends."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_posthog._cli.main import main
from analytics_posthog._cli.progress import Progress
from analytics_posthog.replay.lines import MAX_LINE
from tests.support.posthog_server import PostHogServer
from tests.support.replays import KEY, command_line, jsonl, message, mode, numbers, rejects, replay, variables, write

STATE = ".analytics-posthog-replay"
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


def test_a_directory_is_replayed_oldest_first_and_summed_up(posthog_server: PostHogServer, tmp_path: Path) -> None:
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


def test_what_is_done_is_not_sent_again_and_its_counts_stay(posthog_server: PostHogServer, tmp_path: Path) -> None:
    archive(tmp_path)
    first = replay(posthog_server.url, tmp_path, "archive")
    requests = len(posthog_server.requests)
    again = replay(posthog_server.url, tmp_path, "archive")
    assert len(posthog_server.requests) == requests
    assert without_figures(again.stdout) == without_figures(first.stdout)
    assert again.stdout.endswith(" 0 events/s\n")
    assert len(rejects(tmp_path / "rejects.jsonl")) == 2


def test_a_file_that_has_grown_is_read_again(posthog_server: PostHogServer, tmp_path: Path) -> None:
    for count in (2, 3):
        write(tmp_path / "a.gz", [message(number) for number in range(count)])
        assert replay(posthog_server.url, tmp_path, "a.gz").returncode == 0
    assert numbers(posthog_server.unique_events()) == [0, 1, 2]


def test_a_dry_run_says_what_would_be_and_sends_and_writes_nothing(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    done = replay(
        posthog_server.url, tmp_path, "archive", "--dry-run", "--rate", "2", env={"POSTHOG_PROJECT_API_KEY": ""}
    )
    assert done.stdout == DRY + "estimated duration: 0:00:04 at 2 events/s\n"
    assert (done.returncode, done.stderr) == (1, "")
    assert posthog_server.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_standard_input_is_an_archive_that_leaves_no_state(posthog_server: PostHogServer, tmp_path: Path) -> None:
    data = jsonl([message(number) for number in range(3)])
    for _ in range(2):
        done = replay(posthog_server.url, tmp_path, "-", stdin=data)
        assert (done.returncode, done.stderr) == (0, "")
    assert numbers(posthog_server.events) == [0, 1, 2] * 2
    assert list((tmp_path / STATE).glob("*")) == []


def test_state_and_rejects_are_this_user_s_alone_and_hold_no_key(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0), b"bad\n"])
    replay(posthog_server.url, tmp_path, "a.gz", "--state", "kept/state", "--rejects", "bad.jsonl")
    files = list((tmp_path / "kept" / "state").iterdir())
    assert [mode(path) for path in files] == [0o600]
    assert (mode(tmp_path / "kept" / "state"), mode(tmp_path / "bad.jsonl")) == (0o700, 0o600)
    assert KEY not in files[0].read_text() + files[0].name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "bad.jsonl", "kept"]


def test_rejects_and_state_within_a_source_are_no_archive(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0), b"bad\n"])
    for _ in range(2):
        done = replay(posthog_server.url, tmp_path, ".", "--state", "state")
        assert "rejected: 1\n" in done.stdout
    assert len(rejects(tmp_path / "rejects.jsonl")) == 1


def test_options_are_handed_on(posthog_server: PostHogServer, tmp_path: Path) -> None:
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


def test_a_file_that_cannot_be_read_is_said_and_the_others_go_on(posthog_server: PostHogServer, tmp_path: Path) -> None:
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
        (("a.gz", "--since", "soon"), "since must be a date or a time in ISO 8601"),
        (("a.gz", "--only", "tracks"), "only must name calls of track"),
        (("a.gz", "--rate", "-1"), "rate must be a number from 0"),
        (("a.gz", "--dry-run", "--rate", "nan"), "rate must be a number from 0"),
        (("a.gz", "--person-profiles", "x"), "person-profiles must be one of"),
        (("a.gz", "--host", "posthog.com"), "host must be a URL"),
        (("a.gz", "--state", "/dev/null"), "the state can't be kept in /dev/null"),
        ((), "SOURCE"),
    ],
)
def test_what_cannot_work_is_one_line_and_code_2(
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


def test_a_full_disk_under_the_rejects_ends_it_and_the_same_command_goes_on(
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


def terminal(server: PostHogServer, directory: Path, *arguments: str, **env: str) -> str:
    """What the command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command_line(*arguments),
        cwd=directory,
        env=variables(server.url, TERM="xterm", COLUMNS="150", **env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed: that is Linux's end of file
        pass
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


def test_a_terminal_gets_a_bar_with_events_rate_files_and_time_left(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(number) for number in range(1000)])
    write(tmp_path / "b.gz", [message(number) for number in range(1000, 2000)])
    shown = terminal(posthog_server, tmp_path, "a.gz", "b.gz", "--rate", "0")
    assert re.search(
        r"100 % 2,000 events, [\d,]+/s, 0 rejected, 2 of 2 files, 0:00:00 left", re.sub(r"\x1b\[[\d;?]*\w", "", shown)
    )
    assert "delivered: 2,000" in shown


# A process's peak begins with that of the one that started it, so a small one starts it.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
sys.exit(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def test_memory_stays_under_200_mb_whatever_the_lines_are(posthog_server: PostHogServer, tmp_path: Path) -> None:
    posthog_server.answer = lambda request: (200, {}, b'{"status":1}')
    large = [message(number, properties={"text": "x" * 850_000}) for number in range(30)]
    huge = [b'{"type": "track", "text": "' + b"x" * 15_000_000 + b'"}\n' for _ in range(3)]
    costly = (
        b'{"type": "track", "event": "E", "userId": "u", "timestamp": "2024-01-01", "properties": {"list": ['
        + b"{}," * 690_000
        + b"{}]}}\n"
    )
    assert 2_000_000 < len(costly) < MAX_LINE
    write(tmp_path / "large.jsonl", [*large, *huge, *[costly] * 3, *large], zipped=False)
    write(tmp_path / "many.gz", [message(number) for number in range(5000)] + [b"bad\n"] * 20_000)
    command = command_line("large.jsonl", "many.gz", "--rate", "0")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        cwd=tmp_path,
        env=variables(posthog_server.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, kibibytes = map(int, done.stderr.splitlines()[-1].split())
    assert (code, done.stdout.splitlines()[0]) == (1, "delivered: 5,060")
    assert kibibytes < 200 * 1024, kibibytes


def test_without_a_terminal_a_line_comes_every_few_seconds(
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


def test_help_has_examples_and_says_that_standard_input_starts_anew(tmp_path: Path) -> None:
    done = replay(None, tmp_path, "--help")
    assert done.returncode == 0
    for text in (
        "examples:",
        "--dry-run archive/",
        "s3://bucket/segment-logs/",
        "standard input (-)",
        "Groups have no $set_once",
    ):
        assert text in done.stdout
