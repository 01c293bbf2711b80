"""What lives when a capture begins, and what it is afterwards.

Clients, one that is just being made, the official client, the logger.
"""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client
from analytics_posthog.testing import capture
from tests.support.posthog_server import HANG, PostHogServer


def test_an_official_client_that_the_app_holds_sends_nothing_meanwhile(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        official = client.posthog
        with capture():
            official.capture("Meanwhile", distinct_id="u1")
            with capture():
                official.capture("In an inner capture", distinct_id="u1")
            official.capture("After the inner capture", distinct_id="u1")
        official.capture("Afterwards", distinct_id="u1")
    assert [event["event"] for event in posthog_server.events] == ["Afterwards"]


def test_what_was_queued_before_goes_on_being_sent(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Before")
        with capture() as captured:
            client.track("u1", "Inside")
            assert client.flush() is True
            posthog_server.answer = None
            posthog_server.release()
            posthog_server.wait_for(1)
    assert [event["event"] for event in posthog_server.events] == ["Before"]
    captured.assert_tracked("Inside", times=1)


@pytest.mark.parametrize("kind", ["plain", "outbox", "dual"])
def test_a_client_that_is_being_made_when_a_capture_begins_sends_afterwards(
    kind: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    settings: dict[str, dict[str, Any]] = {
        "plain": {},
        "outbox": {"outbox": tmp_path / "outbox"},
        "dual": {"segment_write_key": "segment", "segment_host": posthog_server.url},
    }
    capturing = capture()

    class Late(Client):
        """Begins a capture while its __init__ runs, as another thread may."""

        def _log_to(self, handler: logging.Handler | None, debug: bool) -> None:
            captured.append(capturing.__enter__())

    captured: list[Any] = []
    client = Late("phc_key", posthog_server.url, **settings[kind])
    client.track("u1", "Inside")
    capturing.__exit__(None, None, None)
    captured[0].assert_tracked("Inside", times=1)
    client.track("u1", "Afterwards")
    client.shutdown()
    assert [event["event"] for event in posthog_server.events] == ["Afterwards"]
    assert [message["event"] for message in posthog_server.segment_messages] == (
        ["Afterwards"] if kind == "dual" else []
    )


def test_a_client_that_nobody_holds_is_not_held_for_captures() -> None:
    client = Client("phc_key", send=False)
    reference = weakref.ref(client)
    with capture():
        client.track("u1", "Inside")
    del client
    gc.collect()
    assert reference() is None


def test_the_logger_is_afterwards_as_it_was() -> None:
    logger, ours, removed = logging.getLogger("analytics_posthog"), logging.NullHandler(), logging.NullHandler()
    before = logger.level, list(logger.handlers)
    logger.addHandler(removed)
    try:
        with capture():
            Client(debug=True, log_handler=ours)
            logger.removeHandler(removed)
            assert (logger.level, ours in logger.handlers) == (logging.DEBUG, True)
        assert (logger.level, logger.handlers) == (before[0], [*before[1], removed])
        assert logger.isEnabledFor(logging.DEBUG) is False
    finally:
        logger.removeHandler(removed)
    assert (logger.level, logger.handlers) == before


def test_the_module_s_settings_stay_as_they_were_set_meanwhile() -> None:
    with capture():
        analytics.send = False
        analytics.write_key = "phc_key"
    assert (analytics.send, analytics.write_key) == (False, "phc_key")
