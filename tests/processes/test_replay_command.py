"""`analytics-posthog replay` as a process: standard input, a terminal, an output's encoding, memory."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from analytics_posthog.replay.lines import MAX_LINE
from tests.support.posthog_server import PostHogServer
from tests.support.replays import STATE, command_line, jsonl, message, numbers, replay_process, variables, write


def test_standard_input_is_an_archive_without_a_state(posthog_server: PostHogServer, tmp_path: Path) -> None:
    data = jsonl([message(number) for number in range(3)])
    for _ in range(2):
        done = replay_process(posthog_server.url, tmp_path, "-", stdin=data)
        assert (done.returncode, done.stderr) == (0, "")
    assert numbers(posthog_server.events) == [0, 1, 2] * 2
    assert list((tmp_path / STATE).glob("*")) == []


def terminal(server: PostHogServer, directory: Path, *arguments: str, **env: str) -> str:
    """Return what the command shows in a terminal."""
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
    except OSError:  # Linux's end of file: the other end is closed
        pass
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


def test_a_terminal_gets_a_bar_with_events_speed_files_and_time_left(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.gz", [message(number) for number in range(1000)])
    write(tmp_path / "b.gz", [message(number) for number in range(1000, 2000)])
    shown = terminal(posthog_server, tmp_path, "a.gz", "b.gz", "--rate", "0")
    assert re.search(
        r"100 % 2,000 events, [\d,]+/s, 0 rejected, 2 of 2 files, 0:00:00 left", re.sub(r"\x1b\[[\d;?]*\w", "", shown)
    )
    assert "delivered: 2,000" in shown


# A process's peak of memory includes that of its parent at the start, so a small process starts it.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
sys.exit(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def test_memory_stays_under_200_mb_with_any_lines(posthog_server: PostHogServer, tmp_path: Path) -> None:
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


def test_a_name_that_the_output_s_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0, event="Größe")])
    done = replay_process(None, tmp_path, "a.gz", "--dry-run", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout
