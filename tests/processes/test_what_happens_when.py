"""The comparison with the other two clients works; its figures are in docs/delivery.md."""

from __future__ import annotations

import re

import pytest

from tests.support.child_process import run_python
from tests.support.what_happens_when import CLIENTS, scenarios


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The cells of the table, in the form with few calls."""
    done = run_python("-m", "tests.support.what_happens_when", "--quick", timeout=60)
    assert done.returncode == 0, done.stderr
    return [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]


def test_the_table_has_a_row_for_each_scenario_and_a_column_for_each_client(rows: list[list[str]]) -> None:
    assert rows[0] == ["What happens when...", "calls", *CLIENTS.values()]
    assert [row[0] for row in rows[2:]] == [scenario.name for scenario in scenarios(quick=True)]


def test_each_cell_says_how_many_were_delivered_and_lost_and_how_long_it_took(rows: list[list[str]]) -> None:
    for _, calls, *cells in rows[2:]:
        for text in cells:
            found = re.fullmatch(
                r"([\d,]+) / ([\d,]+)(?: \(([\d,]+) said\))? / (?:flush.*|[\d.]+ s|hung, killed)", text
            )
            assert found, text
            assert sum(int((number or "0").replace(",", "")) for number in found.groups()) == int(
                calls.replace(",", "")
            )


def test_ours_loses_nothing(rows: list[list[str]]) -> None:
    assert [row[2].split(" / ")[1].split()[0] for row in rows[2:]] == ["0"] * len(scenarios())
