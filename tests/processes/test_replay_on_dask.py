"""The example that maps `replay_file` over a Dask cluster, run as its reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.posthog_server import PostHogServer
from tests.support.replays import message, numbers, rejects, replay_process, uuid_of, variables, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "replay_on_dask.py"


def run(server: PostHogServer, directory: Path) -> str:
    """What the example prints."""
    env = variables(server.url, RATE="0", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="60s")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "archive"],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_workers_deliver_the_same_events_as_the_command_and_share_its_state_and_rejects(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    for first in range(0, 3000, 500):
        write(
            tmp_path / "archive" / f"{first}.gz",
            [b"bad\n", *(message(number) for number in range(first, first + 500)), b"worse\n"],
        )
    assert run(posthog_server, tmp_path) == "3000 delivered, 0 skipped, rejected: {'not valid JSON': 12}\n"
    assert sorted(numbers(posthog_server.events)) == list(range(3000))
    assert {event["uuid"] for event in posthog_server.events} == {uuid_of(f"m-{number}") for number in range(3000)}
    lines = {(Path(reject["file"]).name, reject["line"]) for reject in rejects(tmp_path / "rejects.jsonl")}
    assert lines == {(f"{first}.gz", line) for first in range(0, 3000, 500) for line in (1, 502)}
    done = replay_process(posthog_server.url, tmp_path, "archive", "--state", ".analytics-posthog-replay")
    assert done.stdout.startswith("delivered: 0\nsent before: 3,000\n")
    assert len(posthog_server.events) == 3000
    assert len(rejects(tmp_path / "rejects.jsonl")) == 12
