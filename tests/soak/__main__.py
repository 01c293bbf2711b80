"""Runs processes under random faults, and compares what arrived with what was accepted.

    python -m tests.soak [--seed N] [--seconds S]

The seed chooses the kinds of processes, what the server answers and when, and how each process ends: by itself, by
SIGTERM, or, with an outbox, by SIGKILL. At the end the server is well again, and one more process empties the outbox.
Each accepted message must then have arrived, once as PostHog counts, or have been reported to `on_error`.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.child_process import environment, run_python
from tests.support.posthog_server import LOST, RESET, Answer, PostHogServer, Request

KINDS = ("threads", "threads", "fork", "C", "sync")
WEATHER: dict[str, list[Answer | str | None]] = {
    "fine": [None],
    "errors": [(500, {}, b""), None, None],
    "away": [(503, {}, b"")],
    "resets": [RESET, None],
    "no answers": [LOST, None, None],
    "a login page": [(200, {"Content-Type": "text/html"}, b"<html>")],
    "rate limit": [(429, {"Retry-After": "0.1"}, b""), None],
    "firewall": [(403, {}, b"")],
}
EMPTY = """
import os, sys
from analytics_posthog import Client
client = Client("phc_soak", sys.argv[1], outbox=sys.argv[2], upload_interval=0.05)
sys.exit(not client.flush(100))
"""


class Server:
    """A server whose weather changes. It never takes an event named Poison."""

    def __init__(self, server: PostHogServer, seed: int) -> None:
        self._chance = random.Random(f"weather {seed}")
        self._server = server
        self.weather = "fine"
        server.answer = self._answer

    def change(self) -> None:
        self.weather = self._chance.choice(list(WEATHER))

    def _answer(self, request: Request) -> Answer | str | None:
        answer = self._chance.choice(WEATHER[self.weather])
        if answer is None and b'"Poison"' in request.body:
            return self._chance.choice([400, 403, 422]), {}, b""
        return answer


def processes(server: Server, url: str, work: Path, seed: int, seconds: float) -> int:
    """Run processes one after the other, two at a time, until the time is over; return how many there were."""
    chance = random.Random(f"processes {seed}")
    end, count, running = time.monotonic() + seconds, 0, list[tuple[Any, float, str]]()
    while time.monotonic() < end or running:
        if len(running) < 2 and time.monotonic() < end:
            count += 1
            kind = chance.choice(KINDS)
            # The outbox's thread wakes in the parent. A fork in C just then leaves the child hanging, in any program.
            outbox = str(work / "outbox") if kind != "C" and chance.random() < 0.6 else ""
            arguments = [url, outbox, str(work / "notes"), f"{seed}.{count}", "3", kind]
            command = [sys.executable, "-m", "tests.soak.worker", *arguments]
            process = subprocess.Popen(command, env=environment(), stdout=-1, start_new_session=True)
            assert process.stdout is not None
            process.stdout.readline()
            how = chance.choice(["itself", "SIGTERM", "SIGKILL" if outbox else "SIGTERM"])
            running.append((process, time.monotonic() + chance.uniform(0.5, 4), how))
        for item in list(running):
            process, when, how = item
            if process.poll() is not None:
                process.communicate()
                running.remove(item)
            elif how == "SIGKILL" and time.monotonic() > when:
                subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=False)
            elif how == "SIGTERM" and time.monotonic() > when:
                process.send_signal(signal.SIGTERM)
                running[running.index(item)] = (process, when, "itself")
        server.change() if time.monotonic() < end else setattr(server, "weather", "fine")
        time.sleep(chance.uniform(0.1, 0.5))
    return count


def soak(seed: int, seconds: float) -> dict[str, Any]:
    """Run, and return the numbers. The machine's own directory for temporary files is used."""
    with PostHogServer() as posthog, tempfile.TemporaryDirectory(prefix="soak-") as directory:
        work, server = Path(directory), Server(posthog, seed)
        count = processes(server, posthog.url, work, seed, seconds)
        server.weather = "fine"
        done = run_python("-c", EMPTY, posthog.url, str(work / "outbox"), timeout=150)
        notes = [line.split() for line in (work / "notes").read_text().splitlines()]
        accepted = {name for what, name in notes if what == "accepted"}
        reported = {name for what, name in notes if what == "reported"}
        aside = [json.loads(line) for path in work.glob("outbox/*.refused") for line in path.read_text().splitlines()]
        reported |= {line["message"]["userId"] for line in aside}
        arrived = Counter(event["distinct_id"] for event in posthog.unique_events())
        return {
            "seed": seed,
            "processes": count,
            "accepted": len(accepted),
            "delivered": len(accepted & arrived.keys()),
            "reported": len(accepted & reported - arrived.keys()),
            "lost": sorted(accepted - arrived.keys() - reported)[:20],
            "twice": sorted(name for name, times in arrived.items() if times > 1)[:20],
            "outbox emptied": done.returncode == 0,
            "files left": sum(path.suffix == ".jsonl" for path in work.glob("outbox/*")),
            "largest process, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    found = soak(options.seed, options.seconds)
    print(json.dumps(found))
    if found["lost"] or found["twice"] or not found["outbox emptied"]:
        sys.exit(f"run it again: python -m tests.soak --seed {options.seed} --seconds {options.seconds:g}")


if __name__ == "__main__":
    main()
