"""The outbox among processes: killed, forked, side by side. What a call accepted reaches PostHog, and counts once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
import uuid
from pathlib import Path

from tests.support.outboxes import (
    DELIVER,
    SETUP,
    client,
    left_by_dead,
    lines,
    messages,
    names,
    numbers,
    output,
    run,
    start,
)
from tests.support.posthog_server import LOST, Answer, PostHogServer, Request

POSTHOG_NAMESPACE = uuid.uuid5(uuid.UUID(int=0), "PostHog")


KILLED = (
    SETUP
    + """
for number in range(int(sys.argv[3])):
    accepted, message = analytics.track("u1", "Event", {"number": number})
    assert accepted
    print(message["messageId"], flush=False)
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""
)


def killed_after(server: PostHogServer, outbox: Path, count: int) -> list[str]:
    """The messageIds that a process had accepted when it was killed with -9."""
    process = start(KILLED, server.url, outbox, count)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == -signal.SIGKILL
    return said.split()


def test_after_kill_9_with_the_server_away_the_next_process_delivers_all_2000(
    dead_server: PostHogServer, tmp_path: Path
) -> None:
    accepted = killed_after(dead_server, tmp_path, 2000)
    assert [line["messageId"] for line in lines(tmp_path)] == accepted
    with dead_server:
        flushed, stats = json.loads(run(DELIVER, dead_server.url, tmp_path))
        assert numbers(dead_server.events) == list(range(2000))
        assert [event["uuid"] for event in dead_server.events] == [
            str(uuid.uuid5(POSTHOG_NAMESPACE, one)) for one in accepted
        ]
    assert flushed
    assert stats == {"accepted": 2000, "delivered": 2000, "failed": 0, "refused": 0, "queued": 0}
    assert names(tmp_path) == []


# One process that has imported all starts the others, so that a round is over in half a second.
ROUNDS = (
    SETUP
    + """
import random, signal
chance = random.Random(9)
analytics.on_error = lambda error, lost: print(error, [message["messageId"] for message in lost], flush=True)

def work(round, worker):
    record = os.open(f"{sys.argv[3]}/{round}-{worker}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(400):
        accepted, message = analytics.track(f"u{worker}", "Event", {"number": number})
        if accepted:
            os.write(record, message["messageId"].encode() + b"\\n")
    signal.pause()

for round in range(10):
    workers = []
    for worker in range(4):
        pid = os.fork()
        if not pid:
            work(round, worker)
        workers.append((chance.uniform(0.02, 0.5), pid))
    start = time.monotonic()
    for moment, pid in sorted(workers):
        time.sleep(max(0, start + moment - time.monotonic()))
        os.kill(pid, 9)
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
"""
)


def test_four_processes_on_one_outbox_killed_in_ten_rounds_lose_nothing_that_they_had_accepted(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    chance = random.Random(3)

    def bad_days(request: Request) -> Answer | str | None:
        return chance.choice([(503, {}, b""), LOST, (429, {"Retry-After": "0.05"}, b""), None, None, None])

    outbox, records = tmp_path / "outbox", tmp_path / "records"
    records.mkdir()
    posthog_server.answer = bad_days
    assert run(ROUNDS, posthog_server.url, outbox, records, timeout=60) == ""  # no loss was reported
    left = len(lines_of_the_dead(outbox))
    posthog_server.answer = None
    flushed, stats = json.loads(run(DELIVER, posthog_server.url, outbox))
    assert (flushed, stats["queued"], stats["failed"], names(outbox)) == (True, 0, 0, [])
    accepted = [line for path in records.iterdir() for line in path.read_text().split()]
    delivered = {event["uuid"] for event in posthog_server.unique_events()}
    assert len(accepted) > 1000  # killed late enough to have something to lose
    assert left > 0
    assert {str(uuid.uuid5(POSTHOG_NAMESPACE, one)) for one in accepted} <= delivered
    assert len(posthog_server.unique_events()) == len(delivered)  # PostHog counts each once
    assert (
        len(delivered) <= len(accepted) + 40
    )  # beyond those, one a process: on disk, and killed before it was written down


def lines_of_the_dead(outbox: Path) -> list[bytes]:
    return [line for path in outbox.iterdir() for line in path.read_bytes().splitlines()]


def test_an_exit_with_the_server_away_says_in_one_line_how_many_stay_and_the_next_process_delivers_them(
    dead_server: PostHogServer, tmp_path: Path
) -> None:
    # The queue holds 50: the others stand on disk alone.
    script = (
        SETUP
        + "analytics.max_queue_size = 50\nfor n in range(300): assert analytics.track('u1', 'Event', {'number': n})[0]"
    )
    began = time.monotonic()
    process = start(script, dead_server.url, tmp_path)
    _, log = process.communicate(timeout=30)
    assert (process.returncode, time.monotonic() - began < 8) == (0, True)
    assert log == "analytics-posthog: 300 events not sent before the exit; kept in the outbox\n"
    with dead_server:
        assert json.loads(run(DELIVER, dead_server.url, tmp_path))[0]
        assert numbers(dead_server.events) == list(range(300))
    assert names(tmp_path) == []


def test_an_exit_delivers_what_the_queue_had_no_room_for(posthog_server: PostHogServer, tmp_path: Path) -> None:
    script = (
        SETUP
        + "analytics.max_queue_size = 50\nfor n in range(2000): assert analytics.track('u1', 'Event', {'number': n})[0]"
    )
    assert run(script, posthog_server.url, tmp_path) == ""
    assert numbers(posthog_server.unique_events()) == list(range(2000))
    assert names(tmp_path) == []


def test_a_living_process_takes_over_what_a_killed_one_left(dead_server: PostHogServer, tmp_path: Path) -> None:
    killed_after(dead_server, tmp_path, 20)
    with dead_server, client(dead_server.url, tmp_path / "other"), client(dead_server.url, tmp_path):
        assert numbers(dead_server.wait_for(20, timeout=5)) == list(range(20))


def test_two_living_processes_racing_for_the_files_of_the_dead_send_each_message_once(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    for number in range(40):
        left_by_dead(
            tmp_path, *messages(50, first=50 * number), name=f"{number}-deaddeaddeaddeaddeaddeaddeaddead.jsonl"
        )
    racers = [start(DELIVER, posthog_server.url, tmp_path) for _ in range(2)]
    answers = [json.loads(output(racer)) for racer in racers]
    assert [flushed for flushed, _ in answers] == [True, True]
    assert sum(stats["delivered"] for _, stats in answers) == 2000
    assert numbers(posthog_server.events) == list(range(2000))
    assert names(tmp_path) == []


def test_the_bytes_of_all_processes_count_towards_the_bound(dead_server: PostHogServer, tmp_path: Path) -> None:
    filling = (
        SETUP
        + """
analytics.outbox_max_bytes = 100_000
analytics.exit_timeout = 0
print(sum(analytics.track("u1", "Event", {"text": "x" * 500})[0] for _ in range(200)), flush=True)
sys.stdin.read() if len(sys.argv) > 3 else None
"""
    )
    living = start(filling, dead_server.url, tmp_path, "and wait", stdin=subprocess.PIPE)
    assert living.stdout is not None
    first = int(living.stdout.readline())
    assert 50 < first < 200
    assert int(run(filling, dead_server.url, tmp_path)) <= 1
    living.communicate("", timeout=10)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000
