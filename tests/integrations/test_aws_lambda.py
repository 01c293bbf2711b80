"""The decorator for AWS Lambda: what the handler called is sent before it returns, within the time that is left."""

from __future__ import annotations

import time
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client
from analytics_posthog.integrations.aws_lambda import sends_before_return
from tests.support.posthog_server import HANG, PostHogServer


class Context:
    """What Lambda gives a handler, as far as it matters."""

    def __init__(self, milliseconds: int) -> None:
        self.end = time.monotonic() + milliseconds / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(int((self.end - time.monotonic()) * 1000), 0)


@sends_before_return
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Reports an order."""
    analytics.track("u1", "Order Placed", {"total": event["total"]})
    return {"statusCode": 200 // event.get("divisor", 1)}


@pytest.fixture(autouse=True)
def module(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host, analytics.upload_interval = "phc_key", posthog_server.url, 3600


@pytest.mark.parametrize("milliseconds", [5000, None], ids=["with its context", "called by a test"])
def test_what_was_called_has_arrived_when_the_handler_returns(
    milliseconds: int | None, posthog_server: PostHogServer
) -> None:
    for total in (5, 6):  # the second call is a warm start
        context = None if milliseconds is None else Context(milliseconds)
        assert handler({"total": total}, context) == {"statusCode": 200}
        assert posthog_server.events[-1]["properties"]["total"] == total
    assert len(posthog_server.events) == 2
    assert len(posthog_server.batches) == 2


def test_it_has_arrived_as_well_when_the_handler_raises(posthog_server: PostHogServer) -> None:
    with pytest.raises(ZeroDivisionError):
        handler({"total": 5, "divisor": 0}, Context(5000))
    assert [event["event"] for event in posthog_server.events] == ["Order Placed"]


def test_all_clients_are_waited_for(posthog_server: PostHogServer) -> None:
    with Client("phc_other", posthog_server.url, upload_interval=3600) as other:
        other.track("u2", "Before")
        handler({"total": 5}, Context(5000))
        assert sorted(event["event"] for event in posthog_server.events) == ["Before", "Order Placed"]


def test_a_posthog_that_hangs_does_not_use_up_the_handler_s_time(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    context = Context(1000)
    assert handler({"total": 5}, context) == {"statusCode": 200}
    assert context.get_remaining_time_in_millis() > 0


def test_the_handler_keeps_its_name_and_docstring() -> None:
    assert (handler.__name__, handler.__doc__) == ("handler", "Reports an order.")
