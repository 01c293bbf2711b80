"""A replay that is run again: it says what was sent before, sends what is new, and refuses what would do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analytics_posthog import InvalidSetting
from analytics_posthog.replay import replay_file
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.replays import KEY, message, numbers, rejects, replay, replay_process, start, write


def day(number: int) -> str:
    return f"2024-03-{number:02d}T12:00:00.000Z"


def days(directory: Path, count: int = 9, each: int = 1) -> None:
    """An archive with some messages a day, from the 1st on, a bad line and one that isn't wanted."""
    lines = [message(each * n + i, timestamp=day(n + 1)) for n in range(count) for i in range(each)]
    write(
        directory / "archive" / "a.gz", [*lines, b"bad\n", message(999, timestamp=day(2), integrations={"All": False})]
    )


def test_a_later_until_sends_only_what_is_new(posthog_server: PostHogServer, tmp_path: Path) -> None:
    days(tmp_path)
    first = replay(posthog_server.url, tmp_path, "archive", "--until", "2024-03-04")
    assert first.stdout.startswith("delivered: 3\n")
    assert "skipped: 7\n             6  from --until on\n" in first.stdout
    second = replay(posthog_server.url, tmp_path, "archive", "--until", "2024-03-07")
    assert second.stdout.startswith("delivered: 3\nsent before: 3\n             6  track\n")
    assert "skipped: 4\n             3  from --until on\n" in second.stdout
    assert "rejected: 1\n" in second.stdout
    third = replay(posthog_server.url, tmp_path, "archive")
    assert third.stdout.startswith("delivered: 3\nsent before: 6\n")
    assert "skipped: 1\n" in third.stdout
    assert numbers(posthog_server.events) == list(range(9))
    assert len(rejects(tmp_path / "rejects.jsonl")) == 1


def test_an_earlier_until_sends_nothing(posthog_server: PostHogServer, tmp_path: Path) -> None:
    days(tmp_path)
    replay(posthog_server.url, tmp_path, "archive", "--until", "2024-03-04")
    again = replay(posthog_server.url, tmp_path, "archive", "--until", "2024-03-02")
    assert again.stdout.startswith("delivered: 0\nsent before: 3\n")
    assert len(posthog_server.events) == 3


def test_an_interrupted_run_with_a_later_until_sends_the_rest_of_both(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    days(tmp_path, 4, each=500)  # a batch a day
    posthog_server.answer = lambda request: HANG if len(posthog_server.requests) == 2 else None
    process = start(posthog_server.url, tmp_path, "archive", "--until", "2024-03-04")
    posthog_server.wait_for_requests(2)
    process.kill()
    process.communicate(timeout=20)
    posthog_server.answer = None
    posthog_server.release()
    for until in ("2024-03-05", "2024-03-05"):
        done = replay_process(posthog_server.url, tmp_path, "archive", "--until", until)
        assert done.returncode == 1  # one line was rejected
    assert sorted(numbers(posthog_server.unique_events())) == list(range(2000))
    assert len(posthog_server.events) <= 2500  # the batch in flight may have come twice
    assert len(rejects(tmp_path / "rejects.jsonl")) == 1


def test_the_state_is_found_from_another_directory(posthog_server: PostHogServer, tmp_path: Path) -> None:
    days(tmp_path)
    env = {"XDG_STATE_HOME": str(tmp_path / "mine")}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert replay_process(posthog_server.url, tmp_path, "archive", env=env).stdout.startswith("delivered: 9\n")
    (tmp_path / "link").symlink_to(tmp_path / "archive", target_is_directory=True)
    for place in ("../archive", "../link/a.gz", str(tmp_path / "archive")):
        done = replay_process(posthog_server.url, elsewhere, place, env=env)
        assert done.stdout.startswith("delivered: 0\nsent before: 9\n")
    assert len(posthog_server.events) == 9


@pytest.mark.parametrize("first", [True, False])
def test_a_second_run_with_another_set_once_is_refused(
    posthog_server: PostHogServer, tmp_path: Path, first: bool
) -> None:
    days(tmp_path)
    replay(posthog_server.url, tmp_path, "archive", *(["--set-once"] if first else []))
    done = replay(posthog_server.url, tmp_path, "archive", *([] if first else ["--set-once"]))
    assert done.returncode == 2
    before, now = ("with", "without") if first else ("without", "with")
    assert f"an earlier run was {before} --set-once, and this one is {now}" in done.stderr
    assert len(posthog_server.events) == 9


def test_a_name_of_skip_events_that_never_occurs_is_named_with_the_nearest(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(0, event="Heartbeat"), message(1, event="Debug 1"), message(2, event="Ordered")])
    for _ in range(2):  # the second run sends nothing, and knows as much
        done = replay(posthog_server.url, tmp_path, "a.gz", "--skip-events", "Hartbeat,Debug *,xyz")
        assert done.stderr == (
            "--skip-events: no event is named 'Hartbeat'; there is 'Heartbeat'\n"
            "--skip-events: no event is named 'xyz'\n"
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rejects", "nowhere/rejects.jsonl"], "the rejects can't be written to nowhere/rejects.jsonl"),
        (["--rejects", "archive"], "the rejects can't be written to archive"),
        (["--state", "here.txt/state"], "the state can't be kept in here.txt/state"),
        (["--since", "2024-03-05", "--until", "2024-03-05"], "--since must be before until"),
        (["--since", "yesterday"], "--since must be a date or a time, such as 2024-05-31"),
    ],
)
def test_options_are_checked_before_the_first_line(
    posthog_server: PostHogServer, tmp_path: Path, arguments: list[str], words: str
) -> None:
    days(tmp_path)
    (tmp_path / "here.txt").write_text("")
    done = replay(posthog_server.url, tmp_path, "archive", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert posthog_server.requests == []


def test_the_python_function_sends_only_what_is_new_too(posthog_server: PostHogServer, tmp_path: Path) -> None:
    days(tmp_path)
    settings = {"write_key": KEY, "host": posthog_server.url, "state": tmp_path / "s"}
    path = str(tmp_path / "archive" / "a.gz")
    assert replay_file(path, until="2024-03-04", **settings).delivered == 3
    assert replay_file(path, **settings).delivered == 9
    assert numbers(posthog_server.events) == list(range(9))
    with pytest.raises(InvalidSetting, match="--set-once"):
        replay_file(path, set_once=True, **settings)


def test_the_summary_as_json_and_without_progress(posthog_server: PostHogServer, tmp_path: Path) -> None:
    days(tmp_path, 2)
    for delivered, before in ((2, 0), (0, 2)):
        done = replay(posthog_server.url, tmp_path, "archive", "--json", "--quiet")
        found = json.loads(done.stdout)
        assert found.pop("seconds") >= 0
        assert found == {
            "delivered": delivered,
            "sent_before": before,
            "calls": {"track": 2},
            "events": {"Counted": 2},
            "rejected": {"not valid JSON": 1},
            "skipped": {"its integrations keep it from PostHog": 1},
            "consent": {},
            "first": "2024-03-01T12:00:00.000+00:00",
            "last": "2024-03-02T12:00:00.000+00:00",
            "dry_run": False,
        }
        assert done.stderr == "1 line was rejected, see rejects.jsonl\n"
