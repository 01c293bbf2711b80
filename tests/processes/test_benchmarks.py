"""The benchmarks run. What they measure is for a person to judge: no figure decides a test."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.event_loop import CASES
from tests.support.child_process import TESTS, environment

TITLES = [
    "track()",
    "identify()",
    "page()",
    "screen()",
    "alias()",
    "group()",
    "a large track(): 100 properties, 20 KB",
    'track() with our outbox on ("os")',
    "track(), elapsed, p50",
    "track(), elapsed, p99",
    "track(), elapsed, the worst of all",
    "track(), forced switches of the thread",
    "throughput, end to end",
    "CPU time per event, all threads",
    "memory per queued event",
    "import",
]


def run(*arguments: str) -> str:
    """The output of a benchmark, in the directory that holds `tests`."""
    # What coverage adds to each line would be measured too.
    variables = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=TESTS.parent, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_benchmark_prints_a_table_with_a_figure_of_each_client_in_every_row() -> None:
    lines = run("tests.benchmarks.calls", "--quick").replace("`", "").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]

    assert [row[0] for row in rows] == TITLES
    for row in rows:
        assert all(float(figure.replace(",", "")) >= 0 for figure in row[2:5]), row


def test_the_benchmark_of_the_replay_prints_a_row_of_each_and_how_many_times_as_many() -> None:
    lines = run("tests.benchmarks.replay", "--quick").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]

    assert [row[0] for row in rows] == ["posthog.capture() a line", "analytics-posthog replay"]
    assert all(float(row[1].replace(",", "")) > 0 for row in rows)
    assert float(lines[-1].partition(": ")[2].split()[0]) > 0


def test_the_benchmark_of_event_loops_has_a_row_for_each_bad_day() -> None:
    lines = run("tests.benchmarks.event_loop", "--quick").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]

    assert [row[0] for row in rows] == [case.title for case in CASES]
    for row in rows:
        figures = row[1:3] if row[0].startswith("the outbox") else row[1:]
        assert all(float(figure.split()[0]) >= 0 for figure in figures), row
