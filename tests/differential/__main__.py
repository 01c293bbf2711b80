"""Puts Segment's client and ours through the same, and prints what differs without a rule for it.

python -m tests.differential [--calls N] [--seed N]

First each value in each argument of each call, then random calls, then the scenarios. Takes about half a minute.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable

from .calls import Case, both, each_value, random_calls
from .expected import RULES, unexplained
from .expected_scenarios import OTHERWISE, all_unexplained
from .scenarios import scenarios


def main() -> int:
    """Return how many differences have no rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2300, help="random calls; 2300 by default")
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    found = compared("values", each_value()) + compared("random calls", random_calls(options.calls, options.seed))
    without = all_unexplained()
    print(f"scenarios: {len(list(scenarios()))}, {len(without)} without a rule, {len(OTHERWISE)} rules")
    print("\n".join([*found, *without]))
    return len(found) + len(without)


def compared(what: str, cases: Iterable[Case]) -> list[str]:
    """Compare calls, print the figures, and return what has no rule."""
    every = list(cases)
    different = [case for case in every if len(set(map(repr, both(case)))) > 1]
    without = [text for case in every if (text := unexplained(case)) is not None]
    print(f"{what}: {len(every)}, {len(different)} differ, {len(without)} without a rule, {len(RULES)} rules")
    return without


if __name__ == "__main__":
    sys.exit(min(main(), 99))
