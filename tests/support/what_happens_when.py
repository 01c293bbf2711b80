"""Puts Segment's client, PostHog's own and ours through the same faults.

Prints a table of how many calls were delivered, reported and lost.

    python -m tests.support.what_happens_when [--quick]

Each client runs in processes of its own, with its defaults, against a server of its own on loopback. A call counts as
delivered when its event has arrived, and as said when the call answered so or on_error had it; all other ones are lost.
A process that does not end in time is killed. Takes about two minutes; `--quick` has fewer calls and shorter waits.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support.callers import (
    Caller,
    flush_2_and_end,
    flush_and_end,
    flush_when_asked,
    fork,
    fork_in_c,
    just_end,
    pool,
    run_until_ended,
)
from tests.support.child_process import environment
from tests.support.posthog_server import RESET, Answer, PostHogServer, Request
from tests.support.raw_server import raw_server

CLIENTS = {"ours": "analytics-posthog", "posthog": "PostHog's client", "segment": "Segment's client"}


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable[[Caller, int], None]
    calls: int
    within: float  # seconds, from when the client is ready
    answer: Callable[[], Callable[[Request], Answer | str | None]] | None = None
    away: float = 0  # seconds
    dead: str = ""
    max_queue_size: int = 10_000
    shows_flush: bool = False  # how long it took


def in_100_ms() -> Callable[[Request], None]:
    return lambda _: time.sleep(0.1)


def with_firewall() -> Callable[[Request], Answer | None]:
    return lambda request: (403, {}, b"{}") if b'"u7"' in request.body else None


def a_byte_a_second(connection: socket.socket, stopped: threading.Event) -> None:
    for byte in b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"Ok"}':
        connection.sendall(bytes([byte]))
        if stopped.wait(1):
            return


def with_faults() -> Callable[[Request], Answer | str | None]:
    dice = random.Random(28)
    faults: list[Answer | str] = [(503, {}, b"{}"), (429, {"Retry-After": "1"}, b"{}"), RESET]
    return lambda _: dice.choice(faults) if dice.random() < 0.28 else None


def scenarios(quick: bool = False) -> list[Scenario]:
    few, away, within = (20, (0.5, 2.0), 15.0) if quick else (1, (3.0, 30.0), 40.0)
    dead = {"run": flush_2_and_end, "calls": 100 // few, "within": within, "shows_flush": True}
    short, long = (
        {"run": flush_when_asked, "calls": 300 // few, "within": seconds + within, "away": seconds} for seconds in away
    )
    return [
        Scenario("SIGTERM, as in a deploy, answers take 100 ms", run_until_ended, 300 // few, within, in_100_ms),
        Scenario("the script ends without a flush, answers take 100 ms", just_end, 3000 // few, within, in_100_ms),
        Scenario("a firewall answers 403 to one event", flush_and_end, 300 // few, within, with_firewall),
        Scenario("a pool's workers call, and `with Pool()` ends", pool, 400 // few, within),
        Scenario("it forks 4 children after use, and all flush", fork, 300 // few // 6 * 6, within, shows_flush=True),
        Scenario(
            "the same in C, as uWSGI's prefork does, when idle",
            fork_in_c,
            300 // few // 6 * 6,
            within,
            shows_flush=True,
        ),
        Scenario(f"the server is away for {away[0]:g} s", **short),
        Scenario(f"the server is away for {away[1]:g} s", **long),
        Scenario("28 % of the answers are 503, 429 or a reset", flush_and_end, 4000 // few, within + 20, with_faults),
        Scenario(
            "the queue holds 50 and is full", flush_and_end, 600 // few, within, in_100_ms, max_queue_size=50 // few
        ),
        Scenario("the server refuses connections, `flush(2)`", dead="refuses", **dead),
        Scenario("the server accepts and hangs, `flush(2)`", dead="hangs", **dead),
        Scenario("the answer has a byte a second, `flush(2)`", dead="trickles", **dead),
    ]


@dataclass
class Outcome:
    calls: int
    delivered: int
    said: int
    twice: int
    seconds: float | None  # None: it was killed
    flushed: list[float]

    @property
    def lost(self) -> int:
        return self.calls - self.delivered - self.said


def measure(client: str, index: int, quick: bool) -> Outcome:
    """Put one client through one scenario."""
    scenario = scenarios(quick)[index]
    with (
        PostHogServer() as server,
        socket.socket() as hole,
        tempfile.NamedTemporaryFile() as file,
        raw_server(a_byte_a_second) as trickling,
    ):
        server.answer = scenario.answer() if scenario.answer else None
        url = server.url
        if scenario.dead == "trickles":
            url = trickling
        elif scenario.dead:
            hole.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{hole.getsockname()[1]}"
            if scenario.dead == "hangs":
                hole.listen(64)
        if scenario.away:
            server.stop()
        command = [
            sys.executable,
            "-m",
            "tests.support.what_happens_when",
            "child",
            client,
            str(index),
            str(int(quick)),
            url,
            file.name,
        ]
        start = time.monotonic()
        process = subprocess.Popen(command, env=environment(), stdin=-1, stdout=-3, stderr=-3, start_new_session=True)
        seconds: float | None = None
        try:
            ready = wait_until("ready", file.name)
            if scenario.run is run_until_ended:
                wait_until("waits", file.name)
                process.terminate()
            if scenario.away:
                time.sleep(max(0.0, start + scenario.away - ready))
                server.start()
                wait_for_all(client, server, scenario, ready)
            process.communicate(b"\n", timeout=max(0.1, scenario.within - (time.monotonic() - ready)))
            seconds = time.monotonic() - start
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
            process.communicate()
        lines = [json.loads(line) for line in Path(file.name).read_text().splitlines()]
        if client == "segment":
            ids = {message["messageId"]: message["userId"] for message in server.segment_messages}
        else:
            ids = {event["uuid"]: event["distinct_id"] for event in server.unique_events()}
    delivered = set(ids.values())
    said = {user for what, user in lines if what == "said"} - delivered
    flushed = [took for what, took in lines if what == "flushed"]
    return Outcome(scenario.calls, len(delivered), len(said), len(ids) - len(delivered), seconds, flushed)


def wait_until(said: str, file: str, timeout: float = 60) -> float:
    """Wait until the child has written this, and return the time. Many that start at once take long."""
    end = time.monotonic() + timeout
    while f'["{said}"' not in Path(file).read_text() and time.monotonic() < end:
        time.sleep(0.02)
    return time.monotonic()


def wait_for_all(client: str, server: PostHogServer, scenario: Scenario, ready: float) -> None:
    """Wait until the server has all, or until it is too late for more."""
    end = ready + scenario.within - 5
    while (
        time.monotonic() < end
        and len(server.segment_messages if client == "segment" else server.events) < scenario.calls
    ):
        time.sleep(0.05)


def cell(scenario: Scenario, outcome: Outcome) -> str:
    said = f" ({outcome.said:,} said)" if outcome.said else ""
    twice = f" ({outcome.twice:,} twice)" if outcome.twice else ""
    took = "hung, killed" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    if scenario.shows_flush:
        processes = 5 if scenario.run in (fork, fork_in_c) else 1
        hung = processes - len(outcome.flushed)
        flush = f"flush {max(outcome.flushed):.1f} s" if outcome.flushed else "flush"
        took = f"{flush}, {hung} of {processes} hung" if hung else f"{flush}, in all {took}"
    return f"{outcome.delivered:,}{twice} / {outcome.lost:,}{said} / {took}"


def table(quick: bool = False) -> str:
    """Measure all, the slow ones at the same time, and return the table."""
    rows = scenarios(quick)
    slow = [index for index, row in enumerate(rows) if row.away or row.dead or row.run in (fork, fork_in_c)]
    order = [slow, *([index] for index in range(len(rows)) if index not in slow)]
    found: dict[tuple[int, str], Outcome] = {}
    for together in order:
        pairs = [(index, client) for index in together for client in CLIENTS]
        with ThreadPoolExecutor(len(pairs)) as pool:
            outcomes = pool.map(lambda pair: measure(pair[1], pair[0], quick), pairs)
            found.update(zip(pairs, outcomes, strict=True))
    lines = [f"| What happens when... | calls | {' | '.join(CLIENTS.values())} |", "|---" * (len(CLIENTS) + 2) + "|"]
    for index, row in enumerate(rows):
        lines.append(
            f"| {row.name} | {row.calls:,} | {' | '.join(cell(row, found[index, client]) for client in CLIENTS)} |"
        )
    return "\n".join(
        [*lines, "", "Each cell: delivered / lost / seconds. Said: the call answered so, or on_error had it."]
    )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["child"]:
        _, client, index, quick, url, file = arguments
        scenario = scenarios(bool(int(quick)))[int(index)]
        options = {} if scenario.max_queue_size == 10_000 else {"max_queue_size": scenario.max_queue_size}
        scenario.run(Caller(client, url, file, options), scenario.calls)
    else:
        print(table(quick="--quick" in arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
