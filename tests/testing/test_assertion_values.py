"""Which values the assertions take for the expected ones.

Functions that err, Mocks, times as they were called, arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest

from analytics_posthog import track
from analytics_posthog.testing import Captured, capture
from tests.support.suite_process import run_suite


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as calls:
        track("u1", "Other", {"amount": "none", "list": 7})
        track("u1", "Order", {"amount": 5, "list": [1, 2], "number": 1.5})
        yield calls


def above(amount: Any) -> bool:
    return bool(amount > "3")


def check(amount: Any) -> bool:
    assert amount > 100, "an order of less than 100"
    return True


ERRING: list[tuple[Any, type[Exception], str]] = [
    (above, TypeError, "'>' not supported between instances of 'int' and 'str'"),
    (check, AssertionError, "an order of less than 100"),
    (
        Mock(),
        TypeError,
        "properties.amount: <Mock id=.*> answered a Mock, not True or False. "
        "Expect a value, or a function that returns a bool",
    ),
    (MagicMock().total, TypeError, "properties.amount: <MagicMock .*> answered a MagicMock, not True or False"),
    (lambda _: None, TypeError, "properties.amount: .*lambda.* answered a NoneType, not True or False"),
]


@pytest.mark.parametrize(("function", "error", "said"), ERRING, ids=[said for _, _, said in ERRING])
@pytest.mark.parametrize("name", ["assert_tracked", "assert_not_tracked"])
def test_a_function_that_errs_fails_every_assertion(
    name: str, function: Callable[[Any], Any], error: type[Exception], said: str, captured: Captured
) -> None:
    with pytest.raises(error, match=said):
        getattr(captured, name)("Order", properties={"amount": function})


def test_a_function_is_not_asked_about_other_events(captured: Captured) -> None:
    captured.assert_tracked("Order", properties={"amount": lambda amount: amount > 3})
    captured.assert_tracked("Other", properties={"amount": above})
    captured.assert_not_tracked("Order Completed", properties={"amount": above})


def test_the_failure_says_what_a_function_raised_about_the_nearest_call(captured: Captured) -> None:
    with pytest.raises(AssertionError) as raised:
        captured.assert_tracked("Order Completed", user_id="u1", properties={"number": 7, "amount": above})
    assert str(raised.value).split("\n")[1:5] == [
        "the nearest call, number 2, differs:",
        "  event: expected 'Order Completed', got 'Order'",
        "  properties.number: expected 7, got 1.5",
        "  properties: the function that is expected raised TypeError: "
        "'>' not supported between instances of 'int' and 'str'",
    ]


def test_an_array_is_expected_as_it_was_called(captured: Captured) -> None:
    captured.assert_tracked("Order", properties={"list": np.array([1, 2]), "number": np.float64(1.5)})
    captured.assert_tracked("Order", properties={"amount": np.int64(5)})
    for other in (np.array([1, 3]), np.array([1]), np.array([])):
        captured.assert_not_tracked("Order", properties={"list": other})
    captured.assert_not_tracked("Other", properties={"list": np.array([7])})


@pytest.fixture(params=["America/New_York", "Asia/Kolkata", "UTC"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


TIMES: list[Callable[[], Any]] = [
    datetime.now,
    lambda: datetime.now(timezone.utc),
    lambda: datetime.now(timezone(timedelta(hours=5))),
    lambda: datetime(2020, 5, 6, 7, 8, 9, 123456),
    lambda: date(2020, 5, 6),
    lambda: "2026-01-01T00:00:00Z",
    lambda: "2026-01-01 00:00",
    lambda: "2026-01-01T05:30:00.123456789+0530",
]


@pytest.mark.parametrize("made", TIMES, ids=range(len(TIMES)))
@pytest.mark.usefixtures("_zone")
def test_a_timestamp_is_expected_as_it_was_called(made: Callable[[], Any]) -> None:
    value = made()
    with capture() as captured:
        track("u1", "Order", timestamp=value)
    captured.assert_tracked("Order", timestamp=value)
    with pytest.raises(AssertionError, match="timestamp: expected '2025-12-31T23:59:59Z', got '20"):
        captured.assert_tracked("Order", timestamp="2025-12-31T23:59:59Z")
    with pytest.raises(AssertionError, match="timestamp: expected 'yesterday', got '20"):
        captured.assert_tracked("Order", timestamp="yesterday")


SUITE = """
from analytics_posthog import track

def test_a_call(captured):
    track("u1", "Bought", {"amount": 5})
    captured.assert_tracked("Bought", user_id="u2")

def test_a_function(captured):
    track("u1", "Bought", {"amount": 5})
    captured.assert_tracked("Bought", properties={"amount": lambda amount: None})
"""


def test_a_failure_in_pytest_shows_no_frame_of_ours(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["analytics_posthog.pytest_plugin"]\n')
    (tmp_path / "test_shop.py").write_text(SUITE)
    _, failed, printed = run_suite(tmp_path)
    assert len(failed) == 2
    assert ("testing.py" in printed, "_difference.py" in printed) == (False, False), printed
