"""A shell that completes by argcomplete gets the commands and options."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.child_process import environment


def completions(line: str) -> list[str]:
    """Return what argcomplete answers, as its shell function asks: by file descriptor 8."""
    read, write = os.pipe()
    variables = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "PROGRAM": sys.executable,
        "ANSWER": str(write),
    }
    command = 'exec 8>&"$ANSWER" 9>/dev/null; exec "$PROGRAM" -m analytics_posthog'
    subprocess.run(["bash", "-c", command], env=environment(**variables), pass_fds=[write], timeout=60, check=False)
    os.close(write)
    with os.fdopen(read) as answer:
        return [word.strip() for word in answer.read().split("\n") if word.strip()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("analytics-posthog re", ["replay"]),
        ("analytics-posthog replay --si", ["--since"]),
        ("analytics-posthog migrate --c", ["--check"]),
    ],
)
def test_a_command_and_an_option_are_completed(line: str, words: list[str]) -> None:
    assert completions(line) == words
