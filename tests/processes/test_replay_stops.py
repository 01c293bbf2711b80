"""After a signal or kill -9, the same command continues a replay: no event is lost, and none counts twice."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import signal
import subprocess
import termios
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.posthog_server import HANG, LOST, PostHogServer, Request
from tests.support.replays import (
    BAD,
    COUNT,
    check_all_arrived,
    command_line,
    jsonl,
    message,
    replay_process,
    start,
    variables,
    write_four_files,
)


def test_twelve_kills_lose_no_event_and_no_event_counts_twice(posthog_server: PostHogServer, tmp_path: Path) -> None:
    def lose_every_other(_: Request) -> str | None:
        return LOST if len(posthog_server.requests) % 2 else None

    write_four_files(tmp_path)
    chance = random.Random(5)
    for _ in range(12):
        seen = len(posthog_server.requests)
        process = start(posthog_server.url, tmp_path, "archive")
        posthog_server.answer = lose_every_other if chance.random() < 0.5 else None
        if seen < 6:
            posthog_server.wait_for_requests(seen + 1)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    posthog_server.answer = None
    assert replay_process(posthog_server.url, tmp_path, "archive").returncode == 1
    check_all_arrived(posthog_server, tmp_path)
    assert len(posthog_server.events) <= COUNT + 13 * 500


def test_after_a_kill_at_most_the_batch_in_flight_is_sent_again(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write_four_files(tmp_path)
    posthog_server.answer = lambda request: HANG if len(posthog_server.requests) == 3 else None
    process = start(posthog_server.url, tmp_path, "archive")
    posthog_server.wait_for_requests(3)
    process.kill()
    process.communicate(timeout=20)
    posthog_server.answer = None
    posthog_server.release()
    posthog_server.wait_for(1400)  # the third batch arrived, and the process was dead before the answer
    replay_process(posthog_server.url, tmp_path, "archive")
    check_all_arrived(posthog_server, tmp_path)
    assert len(posthog_server.events) <= COUNT - len(BAD) + 500


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_replay_after_the_current_batch_and_nothing_is_sent_twice(
    number: signal.Signals, code: int, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write_four_files(tmp_path)
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
    assert replay_process(posthog_server.url, tmp_path, "archive").returncode == 1
    check_all_arrived(posthog_server, tmp_path)
    assert len(posthog_server.events) == len(posthog_server.unique_events())


def test_a_signal_ends_a_wait_for_the_rate_or_a_retry_at_once(posthog_server: PostHogServer, tmp_path: Path) -> None:
    write_four_files(tmp_path)
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


def test_ctrl_c_in_a_terminal_leaves_one_bar_and_the_terminal_as_it_was(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write_four_files(tmp_path)
    posthog_server.answer = lambda request: HANG if len(posthog_server.requests) == 3 else None
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        command_line("archive"),
        cwd=tmp_path,
        env=variables(posthog_server.url, XDG_STATE_HOME=str(tmp_path / "state"), TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
    )
    shown: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the terminal is closed
            while True:
                shown.append(os.read(ours, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    posthog_server.wait_for_requests(3)
    os.write(ours, b"\x03")
    posthog_server.release()
    assert process.wait(30) == 130
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    text = b"".join(shown).decode()
    assert "^C" not in text
    last = text.rpartition("to continue where it stopped")[2]
    bars = [line for line in last.split("\n") if "events, " in line.rstrip("\r").rpartition("\r")[2]]
    assert len(bars) == 1
