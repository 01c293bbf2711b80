"""How the cost of a call grows: `python -m tests.benchmarks.growth [--quick] [docs/growth.png]`.

Prints and draws the CPU time of the calling thread for one `track()`: by the number of properties, by the events that
are queued already, and by the threads that call at once. To fill the queue takes up to 3 GB of memory; with `--quick`,
little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .processes import ROOT
from .rounds import CAPTURE, CLIENTS, OURS, SEGMENT, conditions, one_round

PLOT = ROOT / "docs" / "growth.png"
TITLES = {SEGMENT: "Segment", CAPTURE: "capture()", OURS: "ours"}
COLORS = {SEGMENT: "tab:green", CAPTURE: "tab:orange", OURS: "tab:blue"}

# What is counted up, and the label of its axis.
AXES = {
    "properties": "properties of the event",
    "queued": "events queued already",
    "threads": "threads calling at once",
}
Costs = dict[str, dict[str, list[float]]]  # axis -> client -> microseconds, one for each number on the axis


class Sizes(NamedTuple):
    """How much is called in a round, and the numbers on each axis."""

    rounds: int
    calls: int
    axes: dict[str, tuple[int, ...]]


FULL = Sizes(
    rounds=5,
    calls=4000,
    axes={
        "properties": (10, 100, 250, 500, 750, 1000),
        "queued": (10_000, 100_000, 250_000, 500_000, 750_000, 1_000_000),
        "threads": (1, 4, 8, 16),
    },
)
QUICK = Sizes(
    rounds=1, calls=400, axes={"properties": (10, 100, 1000), "queued": (1000, 10_000), "threads": (1, 4, 16)}
)


def measure(sizes: Sizes) -> Costs:
    """Medians of the rounds; of the queue, whose filling takes long and is no matter of chance, of one."""
    costs: dict[str, dict[str, list[list[float]]]] = {axis: {name: [] for name in CLIENTS} for axis in AXES}
    for number in range(sizes.rounds):
        print(f"round {number + 1} of {sizes.rounds}", file=sys.stderr)
        with one_round(number) as this:
            for axis, asked in (("properties", "cost_with"), ("threads", "cost_in_threads")):
                answers = [
                    this.ask(CLIENTS, asked, count=_calls(sizes, axis, n), **{axis: n}) for n in sizes.axes[axis]
                ]
                for name in CLIENTS:
                    costs[axis][name].append([answer[name] for answer in answers])
    for name in CLIENTS:
        print(f"filling the queue: {TITLES[name]}", file=sys.stderr)
        with one_round(0, [name]) as this:  # each gone before the next, for the memory
            costs["queued"][name] += this.ask([name], "cost_when_queued", marks=sizes.axes["queued"]).values()
    return {
        axis: {name: [median(at) for at in zip(*rounds, strict=True)] for name, rounds in costs[axis].items()}
        for axis in AXES
    }


def _calls(sizes: Sizes, axis: str, number: int) -> int:
    """Fewer calls of larger events."""
    return max(sizes.calls // 8, sizes.calls * 10 // number) if axis == "properties" else sizes.calls


def tables(sizes: Sizes, costs: Costs) -> Iterator[str]:
    for axis, label in AXES.items():
        yield f"| µs per call, by {label} | {' | '.join(f'{number:,}' for number in sizes.axes[axis])} |"
        yield "|---|" + "--:|" * len(sizes.axes[axis])
        for name in CLIENTS:
            yield f"| {TITLES[name]} | {' | '.join(f'{cost:.1f}' for cost in costs[axis][name])} |"
        yield ""


def draw(sizes: Sizes, costs: Costs, path: Path) -> None:
    """Draw one line for each client on each axis, from zero, so that what looks straight is straight."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, len(AXES), figsize=(12, 3.6), layout="constrained")
    for plot, (axis, label) in zip(plots, AXES.items(), strict=True):
        for name in CLIENTS:
            plot.plot(
                sizes.axes[axis], costs[axis][name], marker="o", markersize=4, color=COLORS[name], label=TITLES[name]
            )
        plot.set(xlabel=label, ylabel="µs per track()", xlim=(0, None), ylim=(0, None))
        plot.xaxis.set_major_formatter("{x:,.0f}")
        plot.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        plot.grid(alpha=0.3)
    plots[0].legend()
    figure.suptitle("CPU time of the calling thread", fontsize="medium")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument(
        "plot", nargs="?", type=Path, default=PLOT, help="the PNG to write; docs/growth.png if left out"
    )
    parser.add_argument(
        "--quick", action="store_true", help="half a minute, to see that it runs; the figures say little"
    )
    options = parser.parse_args()
    try:
        import matplotlib  # noqa: F401 before minutes are spent
    except ImportError:
        sys.exit("The plot needs matplotlib: pip install -e . --group bench")
    sizes = QUICK if options.quick else FULL
    costs = measure(sizes)
    print("\n".join(tables(sizes, costs)))
    print(conditions(sizes.rounds))
    draw(sizes, costs, options.plot)


if __name__ == "__main__":
    main()
