"""What is logged and what errors say: little, once, and never the key, the address or anybody's data."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from analytics_posthog import Client, DeliveryError
from tests.support.posthog_server import HANG, PostHogServer

KEY = "phc_0123456789abcdefghijklmnopqrstuvwxyz"
CARD = "4111 1111 1111 1111"
EVENT = "Bought"  # the app's own word, which debug shows
Reported = list[tuple[Exception, list[dict[str, Any]]]]


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "analytics_posthog"]


class Odd:
    """What JSON has not, and shows data when it is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return CARD


def fail_in_every_way(server: PostHogServer, reported: Reported) -> None:
    """Every kind of loss and warning, with data in each field."""
    data: dict[str, Any] = {
        "properties": {"card": CARD, CARD: "a value", "odd": Odd()},
        "context": {"ip": CARD, "odd": Odd()},
    }

    def client(**settings: Any) -> Client:
        return Client(
            KEY,
            settings.pop("host", server.url),
            on_error=lambda *args: reported.append(args),
            debug=True,
            max_retries=0,
            **settings,
        )

    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(CARD)

    for answer in (400, 401, 403, 404, 413, 429, 503):
        detail = b'{"detail": "%s %s"}' % (CARD.encode(), KEY.encode())
        server.answer = lambda _, answer=answer, detail=detail: (answer, {}, detail)
        with client() as one:
            one.track(CARD, EVENT, **data)
        with client(sync_mode=True) as one, pytest.raises(DeliveryError) as raised:
            one.track(CARD, EVENT, **data)
        reported.append((raised.value, []))
    server.answer = lambda _: HANG
    with client(timeout=0.1) as one:
        one.track(CARD, EVENT, **data)
    with client(timeout=0.1, max_queue_size=1, upload_size=1) as one:
        for _ in range(5):
            one.track(CARD, EVENT, **data)
    server.release()
    server.answer = None
    with client(before_send=before_send) as one:
        one.track(CARD, EVENT, **data)
    with client(before_send=lambda _: CARD) as one:
        one.track(CARD, EVENT, **data)
    with client() as one:
        one.track(CARD, EVENT, {"card": CARD * 60_000})
        one.track(CARD, "  ", {"card": CARD})
        one.identify(CARD, {"card": CARD}, anonymous_id=CARD)
        one.alias("guest", CARD)
        one.track(CARD, EVENT, {"$session_id": CARD})
    one.track(CARD, EVENT, {"card": CARD})
    server.stop()
    with client() as one:
        one.track(CARD, EVENT, **data)
    server.start()
    with client(host="http://4111-1111.invalid") as one:
        one.track(CARD, EVENT, **data)


def test_neither_log_lines_nor_errors_hold_the_key_the_address_or_data(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    reported: Reported = []
    caplog.set_level(logging.DEBUG)
    logging.getLogger("analytics_posthog").addHandler(
        logging.NullHandler()
    )  # or debug=True would add one to standard error
    fail_in_every_way(posthog_server, reported)
    assert len(reported) > 20
    # The other loggers' debug lines are the official client's and urllib3's own.
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "analytics_posthog" or record.levelno > logging.DEBUG
    ]
    assert len(lines) > 15
    texts = [*lines, *(f"{error!s} {error!r}" for error, _ in reported)]
    texts = [re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", text) for text in texts]  # at random
    for secret in (KEY, "4111", "127.0.0.1", str(posthog_server.port)):
        assert [text for text in texts if secret in text] == []


def test_what_can_t_be_sent_is_named_by_its_key(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(KEY, posthog_server.url) as client:
        for _ in range(3):
            client.track("u1", "Bought", {"cart": {"lock": Odd()}})
    (record,) = ours(caplog)
    assert record.levelno == logging.WARNING
    assert "cart.lock" in record.getMessage()
    assert [event["properties"]["cart"] for event in posthog_server.events] == [{}] * 3


@pytest.mark.parametrize("count", [1, 40])
def test_losses_of_one_kind_are_one_line_a_minute(
    count: int, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(KEY, posthog_server.url) as client:
        for _ in range(count):
            client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        (record,) = ours(caplog)
    assert record.levelno == logging.ERROR


def test_a_minute_later_the_next_line_says_how_many_there_were(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:

    with Client(KEY, posthog_server.url) as client:
        for _ in range(30):
            client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        monkeypatch.setattr("analytics_posthog._delivery.report._LOG_EVERY", 0.0)
        client.track("u1", "Bought", {"text": "x" * (1 << 20)})
    first, second = (record.getMessage() for record in ours(caplog))
    assert first.startswith("1 event not sent")
    assert second.startswith("30 events not sent")


def test_each_kind_of_loss_has_its_own_line(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client(KEY, posthog_server.url) as client:
        client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        client.track("u1", "Bought")
    assert len(ours(caplog)) == 2


def test_a_401_says_what_to_look_at(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client(KEY, posthog_server.url) as client:
        client.track("u1", "Bought")
    (record,) = ours(caplog)
    assert (
        record.getMessage()
        == "1 event not sent: PostHog answered 401: check that write_key is the project's API key (phc_...)"
    )


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (302, "a redirect that is not followed. Set host to where PostHog is"),
        (402, "check PostHog's billing limits"),
        (422, "it doesn't take such an event. on_error has the message"),
        (429, "too many requests at once. Send fewer, or raise max_retries"),
        (500, "it, or a proxy before it, is in trouble. See https://status.posthog.com"),
    ],
)
def test_each_status_comes_with_what_to_do(
    status: int, says: str, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    posthog_server.answer = lambda _: (status, {}, b"")
    with Client(KEY, posthog_server.url, max_retries=0) as client:
        client.track("u1", "Bought")
    (record,) = ours(caplog)
    assert record.getMessage() == f"1 event not sent: PostHog answered {status}: {says}"


def test_when_all_goes_well_nothing_is_logged(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Client(KEY, posthog_server.url) as client:
        client.track("u1", "Bought")
    assert ours(caplog) == []


def test_no_handler_and_no_level_is_touched_unless_asked_for(posthog_server: PostHogServer) -> None:
    logger = logging.getLogger("analytics_posthog")
    before = (
        logger.level,
        list(logger.handlers),
        logger.propagate,
        logging.getLogger().level,
        list(logging.getLogger().handlers),
    )
    with Client(KEY, posthog_server.url) as client:
        client.track("u1", "Bought")
    after = (
        logger.level,
        list(logger.handlers),
        logger.propagate,
        logging.getLogger().level,
        list(logging.getLogger().handlers),
    )
    assert after == before


@pytest.fixture(autouse=True)
def _logger_as_before() -> Any:
    logger = logging.getLogger("analytics_posthog")
    before = logger.level, list(logger.handlers)
    yield
    logger.level, logger.handlers[:] = before
