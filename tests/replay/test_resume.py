"""However a replay is stopped, the same command goes on, loses nothing, and PostHog counts each event once."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest

from analytics_posthog.errors import DeliveryError
from analytics_posthog.replay import replay_file
from analytics_posthog.replay.rejects import Reject, Rejects
from tests.support.posthog_server import HANG, LOST, PostHogServer, Request
from tests.support.replays import KEY, jsonl, message, numbers, rejects, replay, start, write

COUNT = 4000
BAD = range(0, COUNT, 97)


def archive(directory: Path) -> None:
    """Four files of a thousand lines; every 97th is bad."""
    for first in range(0, COUNT, 1000):
        lines = [b"bad %d\n" % number if number in BAD else message(number) for number in range(first, first + 1000)]
        write(directory / "archive" / f"{first}.gz", lines)


def check_all(server: PostHogServer, directory: Path) -> None:
    """All is in PostHog once, and all that isn't is in the rejects once."""
    assert sorted(numbers(server.unique_events())) == [number for number in range(COUNT) if number not in BAD]
    assert [reject["text"] for reject in rejects(directory / "rejects.jsonl")] == [f"bad {number}" for number in BAD]


def test_killed_with_9_in_twelve_places_nothing_is_lost_and_nothing_counts_twice(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    chance = random.Random(5)
    for _ in range(12):
        seen = len(posthog_server.requests)
        process = start(posthog_server.url, tmp_path, "archive")
        lose = chance.random() < 0.5
        posthog_server.answer = lambda request, lose=lose: LOST if lose and len(posthog_server.requests) % 2 else None  # type: ignore[misc]
        if seen < 6:
            posthog_server.wait_for_requests(seen + 1)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    posthog_server.answer = None
    assert replay(posthog_server.url, tmp_path, "archive").returncode == 1
    check_all(posthog_server, tmp_path)
    assert len(posthog_server.events) <= COUNT + 13 * 500


def test_after_a_kill_at_most_the_batch_in_flight_is_sent_again(posthog_server: PostHogServer, tmp_path: Path) -> None:
    archive(tmp_path)
    posthog_server.answer = lambda request: HANG if len(posthog_server.requests) == 3 else None
    process = start(posthog_server.url, tmp_path, "archive")
    posthog_server.wait_for_requests(3)
    process.kill()
    process.communicate(timeout=20)
    posthog_server.answer = None
    posthog_server.release()
    posthog_server.wait_for(1400)  # the third, whose answer nobody heard
    replay(posthog_server.url, tmp_path, "archive")
    check_all(posthog_server, tmp_path)
    assert len(posthog_server.events) <= COUNT - len(BAD) + 500


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_batch_in_hand_and_nothing_is_sent_twice(
    number: signal.Signals, code: int, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    posthog_server.answer = lambda request: HANG if len(posthog_server.requests) == 3 else None
    process = start(posthog_server.url, tmp_path, "archive")
    posthog_server.wait_for_requests(3)
    process.send_signal(number)
    posthog_server.release()
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (
        code,
        "stopped. Run the same command again to continue where it stopped\n16 lines were rejected, see rejects.jsonl\n",
    )
    assert "delivered: 1,489\n" in output
    assert len(posthog_server.requests) == 3
    posthog_server.answer = None
    assert replay(posthog_server.url, tmp_path, "archive").returncode == 1
    check_all(posthog_server, tmp_path)
    assert len(posthog_server.events) == len(posthog_server.unique_events())


def test_a_signal_ends_a_wait_for_the_rate_and_for_a_retry_at_once(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
    process = start(posthog_server.url, tmp_path, "archive", "--rate", "0.02")
    posthog_server.wait_for_requests(1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    posthog_server.answer = lambda request: (429, {"Retry-After": "250"}, b"")
    process = start(posthog_server.url, tmp_path, "archive")
    posthog_server.wait_for_requests(2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_signal_ends_a_wait_for_input(posthog_server: PostHogServer, tmp_path: Path) -> None:
    process = start(posthog_server.url, tmp_path, "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    lines = jsonl(message(number) for number in range(700)).decode()
    process.stdin.write(lines)
    process.stdin.flush()
    posthog_server.wait_for(500)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    output, errors = process.communicate()
    assert errors == "stopped. Run the same command again to continue where it stopped\n"
    assert output.startswith("delivered: 500\n")


def test_a_dead_server_ends_it_with_code_1_and_the_same_command_goes_on(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    archive(tmp_path)
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
    check_all(posthog_server, tmp_path)


def test_a_wrong_key_ends_it_at_once_with_nothing_rejected(posthog_server: PostHogServer, tmp_path: Path) -> None:
    archive(tmp_path)
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
            "the server answered that the project is over its quota, so events are dropped. Check PostHog's billing limits",
        ),
        (
            (200, {"Content-Type": "text/html"}, b"<html>please log in</html>"),
            "the server answered 200, but not as PostHog does (it sent text/html): a proxy's or another server's page. Check host"
            " and proxies",
        ),
    ],
)
def test_a_200_that_does_not_mean_taken_ends_it_and_the_same_command_sends_all(
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
def test_an_answer_that_refuses_every_event_ends_it_with_nothing_rejected(
    status: int, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(number) for number in range(40)])
    posthog_server.answer = lambda request: (status, {}, b"<html>The plain HTTP request was sent to HTTPS port</html>")
    done = replay(posthog_server.url, tmp_path, "a.gz")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {status} was answered to each of 40 events alone, so it is not about the events. Check that host is PostHog's address"
        " and that no proxy answers in its place. Run the same command again to continue where it stopped\n",
    )
    assert rejects(tmp_path / "rejects.jsonl") == []
    posthog_server.answer = None
    assert replay(posthog_server.url, tmp_path, "a.gz").returncode == 0
    assert numbers(posthog_server.events) == list(range(40))


def test_replay_file_goes_on_where_it_stopped_and_its_summary_is_that_of_all_runs(
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


def test_a_state_that_is_damaged_begins_anew(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [message(0)])
    damages = (b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "line": "x", "done": true, "summary": {}}')
    for damage in (*damages, None):
        replay_file(str(path), write_key=KEY, host=posthog_server.url, state=tmp_path / "state")
        (file,) = (tmp_path / "state").iterdir()
        if damage is not None:
            file.write_bytes(damage)
    assert len(posthog_server.events) == len(damages) + 1
    assert len(posthog_server.unique_events()) == 1


def test_what_a_killed_process_left_of_a_reject_is_cut_off_and_nothing_else_is(tmp_path: Path) -> None:
    file = Rejects(tmp_path / "r.jsonl")
    file.write("a", [Reject(1, "why", b"x")])
    whole = (tmp_path / "r.jsonl").read_bytes()
    for torn in (whole[:5], whole[:20], whole[:-1] + b"y" * 200_000):
        (tmp_path / "r.jsonl").write_bytes(whole + torn)
        file.write("a", [Reject(2, "why", b"")])
        assert rejects(tmp_path / "r.jsonl")[1:] == [{"file": "a", "line": 2, "reason": "why"}]
    (tmp_path / "r.jsonl").write_bytes(b"somebody's notes")
    file.write("a", [Reject(3, "why", b"")])
    assert (tmp_path / "r.jsonl").read_bytes().splitlines()[0] == b"somebody's notes"
    file.write('b"', [Reject(4, "why", b"")])
    begin = [str(tmp_path / "r.jsonl"), 0]
    assert (file.numbers("a", 0, begin), file.numbers("a", 3, begin), file.numbers('b"', 0, begin)) == ({3}, set(), {4})
    assert (file.numbers("a", 0, file.mark()), file.numbers("a", 0, ["elsewhere", 0]), file.numbers("a", 0, [])) == (
        set(),
        set(),
        set(),
    )
