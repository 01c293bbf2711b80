"""A replay that an error stopped continues with the same command, and PostHog counts each event once."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics_posthog.errors import DeliveryError
from analytics_posthog.replay import replay_file
from tests.support.posthog_server import PostHogServer, Request
from tests.support.replays import KEY, check_all_arrived, message, numbers, rejects, replay, write, write_four_files


def test_a_dead_server_ends_the_replay_with_code_1_and_the_same_command_continues(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write_four_files(tmp_path)
    posthog_server.answer = lambda request: None if len(posthog_server.requests) < 4 else "reset"
    done = replay(posthog_server.url, tmp_path, "archive", "--max-retries", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: PostHog can't be reached: ConnectionError")
    assert (
        "Check host, proxies and the network. Run the same command again to continue where it stopped\n" in done.stderr
    )
    assert KEY not in done.stderr
    posthog_server.answer = None
    replay(posthog_server.url, tmp_path, "archive")
    check_all_arrived(posthog_server, tmp_path)


def test_a_wrong_key_ends_the_replay_at_once_with_nothing_rejected(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write_four_files(tmp_path)
    posthog_server.answer = lambda request: (401, {}, b"")
    done = replay(posthog_server.url, tmp_path, "archive")
    assert done.returncode == 1
    assert done.stderr.startswith("error: PostHog answered 401: check that write_key is the project's API key")
    assert len(posthog_server.requests) == 1
    assert rejects(tmp_path / "rejects.jsonl") == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            (200, {}, b'{"status":1,"quota_limited":["events"]}'),
            "the server answered that the project is over its quota, so events are dropped. "
            "Check PostHog's billing limits",
        ),
        (
            (200, {"Content-Type": "text/html"}, b"<html>please log in</html>"),
            "the server answered 200, but not as PostHog does (it sent text/html): "
            "a proxy's or another server's page. Check host and proxies",
        ),
    ],
)
def test_a_200_that_does_not_take_the_events_ends_the_replay_and_the_same_command_sends_all(
    answer: tuple[int, dict[str, str], bytes], why: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(number) for number in range(600)])
    posthog_server.answer = lambda request: answer
    done = replay(posthog_server.url, tmp_path, "a.gz")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {why}. Run the same command again to continue where it stopped\n",
    )
    assert done.stdout.startswith("delivered: 0\n")
    assert len(posthog_server.requests) == 1
    posthog_server.answer = None
    assert replay(posthog_server.url, tmp_path, "a.gz").returncode == 0
    assert numbers(posthog_server.events) == list(range(600))


@pytest.mark.parametrize("status", [400, 413])
def test_an_answer_that_refuses_every_event_ends_the_replay_with_nothing_rejected(
    status: int, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(number) for number in range(40)])
    posthog_server.answer = lambda request: (status, {}, b"<html>The plain HTTP request was sent to HTTPS port</html>")
    done = replay(posthog_server.url, tmp_path, "a.gz")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {status} was answered to each event that was tried alone, so it is not about the events. "
        "Check that host is PostHog's address and that no proxy answers in its place. "
        "Run the same command again to continue where it stopped\n",
    )
    assert rejects(tmp_path / "rejects.jsonl") == []
    posthog_server.answer = None
    assert replay(posthog_server.url, tmp_path, "a.gz").returncode == 0
    assert numbers(posthog_server.events) == list(range(40))


def test_replay_file_continues_where_it_stopped_and_its_summary_covers_all_runs(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.gz", [message(number) if number % 100 else b"bad\n" for number in range(1200)])

    def run() -> object:
        options = {"state": tmp_path / "state", "rejects": tmp_path / "rejects.jsonl", "max_retries": 0, "rate": 0}
        return replay_file(str(path), write_key=KEY, host=posthog_server.url, **options)  # type: ignore[arg-type]

    def second_fails(request: Request) -> object:
        return (503, {}, b"") if len(posthog_server.requests) == 2 else None

    posthog_server.answer = second_fails  # type: ignore[assignment]
    with pytest.raises(DeliveryError, match="503"):
        run()
    summary = run()
    assert (summary.delivered, summary.rejected) == (1188, {"not valid JSON": 12})  # type: ignore[attr-defined]
    assert run() == summary
    assert numbers(posthog_server.events) == [number for number in range(1200) if number % 100]
    assert len(rejects(tmp_path / "rejects.jsonl")) == 12


def test_a_damaged_state_begins_at_the_first_line(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [message(0)])
    damages = (b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "line": "x", "done": true, "summary": {}}')
    for damage in (*damages, None):
        replay_file(str(path), write_key=KEY, host=posthog_server.url, state=tmp_path / "state")
        (file,) = (tmp_path / "state").iterdir()
        if damage is not None:
            file.write_bytes(damage)
    assert len(posthog_server.events) == len(damages) + 1
    assert len(posthog_server.unique_events()) == 1
