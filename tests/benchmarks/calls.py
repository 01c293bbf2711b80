"""What a call costs, beside Segment's client and PostHog's own `capture()`.

`python -m tests.benchmarks.calls [--quick]`.

Prints a Markdown table of the medians, with the ratios of ours to theirs and, in brackets, what they are meant to be; a
ratio that isn't is bold. The costs of calls are CPU time of the calling thread alone, while another thread sends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from .clients import CLIENTS as CLASSES
from .events import CALLS
from .processes import python
from .rounds import CAPTURE, CLIENTS, OURS, OUTBOX, SEGMENT, conditions, one_round

Values = dict[tuple[str, str], list[float]]  # (client, what) -> one a round


class Row(NamedTuple):
    """A line of the table. The targets are for the ratio of ours to Segment's and to capture()'s."""

    what: str
    title: str
    unit: str
    to_segment: str = ""
    to_capture: str = ""


class Sizes(NamedTuple):
    """How much is called in a round. There are several turns, because something may disturb one of them."""

    rounds: int
    turns: int
    calls: int
    large_calls: int
    throughput: int
    queued: int
    imports: int


FULL = Sizes(rounds=5, turns=5, calls=1000, large_calls=200, throughput=5000, queued=5000, imports=3)
QUICK = Sizes(rounds=1, turns=1, calls=300, large_calls=100, throughput=500, queued=200, imports=1)

ROWS = (
    Row("track", "`track()`", "µs", "≤ 0.38", "≤ 0.27"),
    *(Row(call, f"`{call}()`", "µs", "≤ 0.45") for call in CALLS if call != "track"),
    Row("large", "a large `track()`: 100 properties, 20 KB", "µs"),
    Row(OUTBOX, '`track()` with our outbox on (`"os"`)', "µs", "≤ 0.70"),
    Row("p50", "`track()`, elapsed, p50", "µs"),
    Row("p99", "`track()`, elapsed, p99", "µs", "≤ 0.60"),
    Row("worst", "`track()`, elapsed, the worst of all", "µs"),
    Row("switches", "`track()`, forced switches of the thread", "a call"),
    Row("throughput", "throughput, end to end", "events/s", "≥ 1.60", "≥ 2.40"),
    Row("cpu", "CPU time per event, all threads", "µs", "≤ 0.58"),
    Row("memory", "memory per queued event", "bytes", "≤ 1.05"),
    Row("import", "import", "ms", "", "≤ 1.05"),
)

NEAREST = (
    "Under `capture()`, identify, alias and group are `set()`, `alias()` and `group_identify()`, which take no context."
)


def measure(sizes: Sizes) -> Values:
    """Ask all clients in every turn of every round."""
    values: Values = {(name, row.what): [] for name in CLIENTS for row in ROWS}

    def add(what: str, answers: dict[str, float]) -> None:
        for name, value in answers.items():
            values[(OURS, OUTBOX) if name == OUTBOX else (name, what)].append(value)

    for number in range(sizes.rounds):
        print(f"round {number + 1} of {sizes.rounds}", file=sys.stderr)
        with one_round(number, (*CLIENTS, OUTBOX)) as this:
            for _ in range(sizes.turns):
                add("track", this.ask((*CLIENTS, OUTBOX), "cost", call="track", count=sizes.calls))
                for call in CALLS[1:]:
                    add(call, this.ask(CLIENTS, "cost", call=call, count=sizes.calls))
                add("large", this.ask(CLIENTS, "cost", call="large", count=sizes.large_calls))
                add("switches", this.ask(CLIENTS, "switches", count=sizes.calls))
                for question, count in (("latency", sizes.calls), ("throughput", sizes.throughput)):
                    answers = this.ask(CLIENTS, question, count=count)
                    for what in answers[OURS]:
                        add(what, {name: answer[what] for name, answer in answers.items()})
            add("memory", this.ask(CLIENTS, "memory", count=sizes.queued))
        for turn in range(sizes.imports):
            add("import", {name: import_time(CLASSES[name].module) for name in (*CLIENTS[turn:], *CLIENTS[:turn])})
    for name in (SEGMENT, CAPTURE):
        values[name, OUTBOX] = values[name, "track"]  # neither has one: it is compared with their calls as they are
    return values


def import_time(module: str) -> float:
    """Milliseconds that the import takes in a fresh process, which has imported nothing else."""
    code = f"import time; begin = time.perf_counter(); import {module}; print(time.perf_counter() - begin)"
    return float(python("-c", code)) * 1e3


def table(values: Values) -> Iterable[str]:
    yield "| What | Unit | Segment | `capture()` | ours | ours / Segment | ours / `capture()` |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for row in ROWS:
        of_all = max if row.what == "worst" else median
        segment, capture, ours = (of_all(values[name, row.what]) for name in CLIENTS)
        ratios = (_ratio(ours, segment, row.to_segment), _ratio(ours, capture, row.to_capture))
        numbers = (
            f"{number:,.0f}" if number >= 1000 else f"{number:.{1 + 2 * (number < 0.1)}f}"
            for number in (segment, capture, ours)
        )
        yield f"| {' | '.join((row.title, row.unit, *numbers, *ratios))} |"


def _ratio(ours: float, theirs: float, target: str) -> str:
    if theirs < 0.1:  # a ratio of almost nothing says nothing
        return ""
    ratio = ours / theirs
    if not target:
        return f"{ratio:.2f}"
    sign, limit = target.split()
    met = round(ratio, 2) <= float(limit) if sign == "≤" else round(ratio, 2) >= float(limit)
    return f"{ratio:.2f} ({target})" if met else f"**{ratio:.2f}** ({target})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calls", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds, to see that it runs; the figures say little"
    )
    parser.add_argument("--rounds", type=int, help=f"{FULL.rounds} if left out")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    if options.rounds:
        sizes = sizes._replace(rounds=options.rounds)
    print("\n".join(table(measure(sizes))))
    print(f"\n{conditions(sizes.rounds)}\n{NEAREST}")


if __name__ == "__main__":
    main()
