"""How long a call holds up an event loop at most, on good days and bad ones, beside both other clients.

`python -m tests.benchmarks.event_loop [--quick]`.

In each round a process of its own makes calls in a task, one a turn of the loop, while a second task measures the
longest time between two of its own turns. "no calls" is the same loop without any: what the machine does to it. The
table has the median of the rounds and, in brackets, the worst, in milliseconds. What was imported before is kept from
Python's garbage collector: a full pass over it takes some 15 ms, whoever's code runs just then.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from tests.support.posthog_server import HANG, PostHogServer

from .processes import options, python

CLIENTS = {
    "none": "no calls",
    "ours": "analytics-posthog",
    "posthog": "PostHog's client",
    "segment": "Segment's client",
}
SMALL = 100  # messages in the queue that is full


class Case(NamedTuple):
    """A day. `server` is "answers", "hangs" or "refuses"."""

    title: str
    server: str
    queue: int = 10_000
    has_outbox: bool = False


CASES = (
    Case("all is well", "answers"),
    Case("PostHog hangs", "hangs"),
    Case("PostHog refuses connections", "refuses"),
    Case("the queue is full", "hangs", SMALL),
    Case("the outbox is on", "answers", has_outbox=True),
    Case("the outbox is on, PostHog refuses connections", "refuses", has_outbox=True),
    Case("the outbox is on, the queue is full", "hangs", SMALL, has_outbox=True),
)


# --- in the client's process


def caller(client: str, url: str, case: Case, outbox: str) -> Callable[[], Any]:
    """Make a client and return a call of it."""
    if client == "none":
        return lambda: None
    options: dict[str, Any] = {"host": url, "max_queue_size": case.queue, "on_error": lambda *_: None}
    properties = {"plan": "team", "seats": 12, "tags": ["a", "b"]}
    if client == "posthog":
        from posthog import Posthog

        capture = Posthog("phc_key", **options).capture
        return lambda: capture("Bought", distinct_id="u1", properties=properties)
    from segment.analytics.client import Client as Segment

    from analytics_posthog import Client

    own = {"outbox": outbox} if case.has_outbox else {}
    track = (Client if client == "ours" else Segment)("phc_key", **options, **own).track
    return lambda: track("u1", "Bought", properties)


async def longest_block(call: Callable[[], Any], calls: int) -> float:
    """Return the longest time between two turns of a task, in milliseconds, while another makes the calls."""
    longest = 0.0
    gc.collect()
    gc.freeze()

    async def measure() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    task = asyncio.create_task(measure())
    for _ in range(calls):
        call()
        await asyncio.sleep(0)
    task.cancel()
    return longest * 1000


# --- around it


def one_round(client: str, case: Case, calls: int) -> float:
    """Measure one client on one day."""
    with PostHogServer() as server, socket.socket() as closed, tempfile.TemporaryDirectory() as outbox:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}" if case.server == "refuses" else server.url
        server.answer = (lambda _: HANG) if case.server == "hangs" else None
        number = str(CASES.index(case))
        return float(python("-m", f"{__package__}.event_loop", "--child", client, number, url, outbox, str(calls)))


def table(rounds: int, calls: int) -> str:
    """Measure all clients by turns and return a Markdown table."""
    lines = [f"| longest block of the event loop, ms | {' | '.join(CLIENTS.values())} |", "|---" * 5 + "|"]
    for case in CASES:
        measured = {client: list[float]() for client in CLIENTS if not case.has_outbox or client in ("none", "ours")}
        for _ in range(rounds):
            for client, found in measured.items():
                found.append(one_round(client, case, calls))
        cells = [f"{median(found):.1f} ({max(found):.1f})" if (found := measured.get(name)) else "" for name in CLIENTS]
        lines.append(f"| {case.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table; or, as a child, one figure."""
    given = options(__doc__, 5)
    if given.child:
        client, number, url, outbox, calls = given.child
        call = caller(client, url, CASES[int(number)], outbox)
        print(asyncio.run(longest_block(call, int(calls))), flush=True)
        os._exit(0)  # without the wait for a PostHog that is away
    print(table(*((1, 200) if given.quick else (5, 5000))))


if __name__ == "__main__":
    main()
