"""Settings, answers, changes, ends and subclasses: as with Segment's client, or by a rule of docs/differences.md."""

from __future__ import annotations

from tests.differential.expected_scenarios import all_unexplained
from tests.differential.scenarios import scenarios


def test_each_scenario_ends_as_with_segment_s_client_or_by_a_rule() -> None:
    names = [scenario.name for scenario in scenarios()]
    assert len(names) > 180
    assert all_unexplained() == []
