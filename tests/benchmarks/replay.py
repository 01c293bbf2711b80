"""`python -m tests.benchmarks.replay`: the replay of an archive beside the loop that PostHog's migration guides show.

Both send the same archive to the same server, by turns, each in a new process. `--quick`: a small archive, once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from .archive import write
from .processes import Process, python
from .rounds import conditions
from .sink import counts

_NAMES = {"guide": "posthog.capture() a line", "ours": "analytics-posthog replay"}
_FULL = (20_000, 4, 7)  # messages, files, rounds
_QUICK = (2_000, 2, 1)


def measure(messages: int, files: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """What each worker said, a round each. Raises RuntimeError unless every event has arrived."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in _NAMES}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory, Process("sink") as process:
        sink = process.answer()
        write(Path(directory), messages, files)
        for number in range(rounds):
            for name in sorted(_NAMES, reverse=bool(number % 2)):
                said = python("-m", "tests.benchmarks.replay_worker", name, directory, f"{sink}/{name}")
                results[name].append(json.loads(said.splitlines()[-1]))
        arrived = counts(sink)
        if arrived != dict.fromkeys(_NAMES, messages * rounds):
            raise RuntimeError(f"of {messages * rounds} events arrived: {arrived}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small archive, once")
    messages, files, rounds = _QUICK if parser.parse_args().quick else _FULL
    results = measure(messages, files, rounds)
    print(f"{messages:,} messages in {files} files, sending on. {conditions(rounds)}\n")
    print("| | events/s per core | CPU time per event | events/s |\n|---|---|---|---|")
    per_core: dict[str, float] = {}
    for name, title in _NAMES.items():
        per_core[name] = statistics.median(one["events"] / one["cpu"] for one in results[name])
        elapsed = statistics.median(one["events"] / one["seconds"] for one in results[name])
        print(f"| {title} | {per_core[name]:,.0f} | {1e6 / per_core[name]:.1f} us | {elapsed:,.0f} |")
    ratios = [theirs["cpu"] / ours["cpu"] for theirs, ours in zip(results["guide"], results["ours"], strict=True)]
    spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"\nTimes as many events per core: {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
