"""With debug=True each call is one line.

The call, the event, the uuid, and why when it isn't sent; nobody's data in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog import Client, DeliveryError, InvalidMessage
from analytics_posthog.testing import capture
from tests.support.posthog_server import HANG, PostHogServer

KEY = "phc_0123456789abcdefghijklmnopqrstuvwxyz"
CARD = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def _logger(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    logger = logging.getLogger("analytics_posthog")
    before = logger.level, list(logger.handlers)
    logger.addHandler(logging.NullHandler())  # or debug=True would add one to standard error
    yield
    logger.level, logger.handlers[:] = before


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "analytics_posthog" and record.levelno == logging.DEBUG
    ]


def test_each_call_has_its_line_with_the_event_and_the_uuid_that_arrive(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(KEY, posthog_server.url, debug=True) as client:
        client.identify(CARD, {"card": CARD})
        client.identify(None, {"card": CARD}, anonymous_id=CARD)
        client.track(CARD, "Order Completed", {"card": CARD}, {"ip": CARD})
        client.page(CARD, CARD, CARD, {"card": CARD})
        client.screen(CARD, CARD, CARD, {"card": CARD})
        client.group(CARD, CARD, {"card": CARD})
        client.alias(CARD, "u1")
    uuids = [event["uuid"] for event in posthog_server.events]
    assert lines(caplog) == [
        f"identify $identify {uuids[0]}: accepted",
        f"identify $set {uuids[1]}: accepted",
        f"track 'Order Completed' {uuids[2]}: accepted",
        f"page $pageview {uuids[3]}: accepted",
        f"screen $screen {uuids[4]}: accepted",
        f"group $groupidentify {uuids[5]}: accepted",
        f"alias $create_alias {uuids[6]}: accepted",
    ]


def raises(error: type[Exception], call: Callable[..., Any], *arguments: Any) -> None:
    with pytest.raises(error):
        call(*arguments)


def shut_down(client: Client) -> None:
    client.shutdown()
    client.track(CARD, "Bought")


def fail(event: dict[str, Any]) -> dict[str, Any]:
    raise ValueError(CARD)


NOT_SENT: list[tuple[str, dict[str, Any], Callable[[Client], Any], str]] = [
    (
        "integrations",
        {},
        lambda client: client.track(CARD, "Bought", integrations={"All": False}),
        "its integrations keep it from PostHog",
    ),
    (
        "before_send",
        {"before_send": lambda _: None},
        lambda client: client.track(CARD, "Bought"),
        "before_send returned None",
    ),
    (
        "before_send raises",
        {"before_send": fail},
        lambda client: client.track(CARD, "Bought"),
        "AnalyticsError: track: not sent, because ValueError was raised. Check before_send",
    ),
    ("send", {"send": False}, lambda client: client.track(CARD, "Bought"), "send is False"),
    ("no key", {"write_key": ""}, lambda client: client.track(CARD, "Bought"), "write_key is empty"),
    (
        "too large",
        {},
        lambda client: client.track(CARD, "Bought", {"card": CARD * 60_000}),
        "MessageTooLarge: track: the event has more than 900 KiB as JSON. Send less in it",
    ),
    (
        "blank id",
        {},
        lambda client: client.track(" ", "Bought"),
        "InvalidMessage: track needs an id that isn't blank. Pass user_id or anonymous_id",
    ),
    (
        "shut down",
        {},
        shut_down,
        "ClientShutDown: the client was shut down. Make a new one, or use the module's functions, which do",
    ),
]


@pytest.mark.parametrize("outbox", [False, True], ids=["memory", "outbox"])
@pytest.mark.parametrize(
    ("settings", "call", "why"), [case[1:] for case in NOT_SENT], ids=[case[0] for case in NOT_SENT]
)
def test_what_is_not_sent_says_why(
    settings: dict[str, Any],
    call: Callable[[Client], Any],
    why: str,
    outbox: bool,
    posthog_server: PostHogServer,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    if outbox:
        settings = {**settings, "outbox": tmp_path}
    with Client(**{"write_key": KEY, "host": posthog_server.url, "debug": True, **settings}) as client:
        call(client)
    assert lines(caplog)[-1].startswith("track 'Bought' ")
    assert lines(caplog)[-1].endswith(f": not sent, {why}")
    assert [line for line in lines(caplog) if CARD in line or KEY in line] == []


def test_a_full_queue_says_so(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    posthog_server.answer = lambda _: HANG
    with Client(KEY, posthog_server.url, debug=True, max_queue_size=1, upload_size=1) as client:
        client.track("u1", "In a request")
        posthog_server.wait_for_requests(1)
        client.track("u1", "On the queue")
        client.track("u1", "Bought")
        posthog_server.answer = None
        posthog_server.release()
    sent, queued, refused = lines(caplog)
    assert (sent.rpartition(": ")[2], queued.rpartition(": ")[2]) == ("accepted", "accepted")
    assert refused.startswith("track 'Bought' ")
    assert refused.endswith(": not sent, QueueFull: the queue is full (1). Raise max_queue_size, or call less often")


def test_a_call_that_raises_has_its_line_too(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    with Client(KEY, posthog_server.url, debug=True) as client:
        raises(InvalidMessage, client.track, CARD, 5)
        raises(InvalidMessage, client.alias, None, CARD)
    posthog_server.answer = lambda _: (503, {}, b"")
    with Client(KEY, posthog_server.url, debug=True, sync_mode=True, max_retries=0) as client:
        raises(DeliveryError, client.track, CARD, "Bought")
    wrong, without, undelivered = lines(caplog)
    assert wrong == "track: not sent, InvalidMessage: track: event must be a str, got a int"
    assert without.startswith("alias: not sent, InvalidMessage: alias needs previous_id: ")
    assert undelivered.startswith("track 'Bought' ")
    assert ": not sent, DeliveryError: PostHog answered 503" in undelivered


def test_a_name_is_one_line_however_it_is_made(caplog: pytest.LogCaptureFixture) -> None:
    with Client(KEY, debug=True, send=False) as client:
        client.track("u1", "two\nlines \x1b[31m " + "x" * 500, message_id="022bb90c-bbac-11e4-8dfc-aa07a5b093db")
    name = "'two\\nlines \\x1b[31m " + "x" * 84 + "'"
    assert lines(caplog) == [f"track {name} 38c091ab-1857-58c9-bf58-b98a022f95dd: not sent, send is False"]


def test_in_a_capture_the_lines_say_what_would_become_of_the_calls(caplog: pytest.LogCaptureFixture) -> None:
    with capture() as captured:
        client = Client(debug=True, send=False)
        client.track("u1", "Kept")
        client.track("u1", "Off", integrations={"All": False})
    assert lines(caplog)[0] == f"track 'Kept' {captured.events[0]['uuid']}: accepted"
    assert lines(caplog)[1].endswith(": not sent, its integrations keep it from PostHog")


def test_the_line_names_the_event_as_converted_before_before_send_changes_it(caplog: pytest.LogCaptureFixture) -> None:
    with capture() as captured:
        client = Client(
            debug=True,
            before_send=lambda event: {**event, "event": "Changed", "uuid": "38c091ab-1857-58c9-bf58-b98a022f95dd"},
        )
        client.track("u1", "Bought", message_id="022bb90c-bbac-11e4-8dfc-aa07a5b093db")
    assert lines(caplog)[-1] == "track 'Bought' 38c091ab-1857-58c9-bf58-b98a022f95dd: accepted"
    assert captured.events[0]["event"] == "Changed"


def test_a_handler_that_raises_costs_no_call(posthog_server: PostHogServer) -> None:
    class Raises(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    with Client(KEY, posthog_server.url, debug=True, log_handler=Raises()) as client:
        assert client.track("u1", "Bought")[0] is True
    assert [event["event"] for event in posthog_server.events] == ["Bought"]


def test_without_debug_there_is_no_line(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "analytics_posthog")
    with Client(KEY, posthog_server.url) as client:
        client.track("u1", "Bought")
        client.track("u1", "Bought", integrations={"All": False})
    assert lines(caplog) == []
