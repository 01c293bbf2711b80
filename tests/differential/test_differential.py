"""No call differs from Segment's but by a rule of docs/differences.md. The scenarios are in tests/processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .calls import both, each_value, random_calls
from .expected import RULES, unexplained
from .expected_scenarios import OTHERWISE

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences.md"


def test_each_value_in_each_argument_is_as_with_segment_or_differs_by_a_rule() -> None:
    cases = list(each_value())
    assert len(cases) > 4500
    assert [text for case in cases if (text := unexplained(case))] == []


@pytest.mark.parametrize("seed", [12, 13])
def test_random_calls_are_as_with_segment_or_differ_by_a_rule(seed: int) -> None:
    assert [text for case in random_calls(2300, seed) if (text := unexplained(case))] == []


@pytest.mark.parametrize("says", sorted({rule.says for rule in (*RULES, *OTHERWISE)}))
def test_each_rule_stands_in_the_docs(says: str) -> None:
    assert says in " ".join(DIFFERENCES.read_text(encoding="utf-8").split())


def test_each_rule_is_needed() -> None:
    used = set()
    for case in each_value():
        theirs, ours = both(case)
        for name, value in case.values.items() if theirs != ours else ():
            used |= {
                rule.says for rule in RULES if rule.covers(name, value) and (theirs.answer, ours.answer) in rule.answers
            }
    assert {rule.says for rule in RULES} == used
