"""Asks the clients by turns, each in a process of its own, and new ones in each round.

What a noisy neighbour on the machine takes from one, it takes from the others a moment later. What it does not do: know
what is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from .processes import Process
from .sink import counts

SEGMENT, CAPTURE, OURS = "segment", "capture", "ours"
OUTBOX = "outbox"  # ours once more, with its outbox on
CLIENTS = (SEGMENT, CAPTURE, OURS)


class Round:
    """One round's processes, ready to be asked."""

    def __init__(self, workers: dict[str, Process], turn: int) -> None:
        self._workers = workers
        self._turn = turn

    def ask(self, names: Sequence[str], measure: str, **arguments: Any) -> dict[str, Any]:
        """The answers of these clients to the same question, by name. Each time another one is the first."""
        turn = self._turn % len(names)
        self._turn += 1
        question = json.dumps({"measure": measure, **arguments})
        return {name: json.loads(self._workers[name].ask(question)) for name in (*names[turn:], *names[:turn])}


@contextlib.contextmanager
def one_round(number: int, names: Sequence[str] = CLIENTS) -> Iterator[Round]:
    """Start a sink and these clients. When all has been asked, raises RuntimeError unless every event has arrived."""
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Process("sink")).answer()
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        workers: dict[str, Process] = {}
        for name in names:
            client, options = (OURS, {"outbox": directory}) if name == OUTBOX else (name, {})
            workers[name] = stack.enter_context(Process("worker", client, f"{sink}/{name}", json.dumps(options)))
        for worker in workers.values():
            worker.answer()
        this = Round(workers, number)
        yield this
        arrived = counts(sink)
        for name, called in this.ask(names, "called").items():
            if arrived.get(name, 0) != called:
                raise RuntimeError(f"{name}: {arrived.get(name, 0)} of {called} events arrived")


def conditions(rounds: int) -> str:
    """What the figures were measured on."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("segment-analytics-python", "posthog", "analytics-posthog")
    )
    machine = f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    return f"Medians of {rounds} round{'s' * (rounds > 1)}; {machine}; {packages}."
