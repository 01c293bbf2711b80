"""The model of PostHog's own Segment destination gives each of the 80 recorded events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.test_parity import CASES, IDS
from tests.support.destination import destination


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_model_gives_the_recorded_event(case: dict[str, Any]) -> None:
    assert destination(case["message"]) == case["event"]
