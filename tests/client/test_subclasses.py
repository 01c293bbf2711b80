"""Subclasses of Client work as those of Segment's: an own `_enqueue`, `flush`, `join` or `__init__` is called alike."""

from __future__ import annotations

from typing import Any

import pytest
import segment.analytics

import analytics_posthog
from tests.support.callbacks import Reported

BOTH = pytest.mark.parametrize("base", [analytics_posthog.Client, segment.analytics.Client])


@BOTH
def test_arguments_are_checked_before_an_own_enqueue(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            return "own", msg["event"]

    client = Own("phc_key", send=False)
    assert client.track("u1", "Bought") == ("own", "Bought")
    for wrong in ({"event": "Bought"}, {"user_id": "u1"}, {"user_id": "u1", "event": "e", "properties": [1]}):
        with pytest.raises(AssertionError):
            client.track(**wrong)


@BOTH
def test_an_own_enqueue_may_leave_out_the_message_id(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            del msg["messageId"]
            return super()._enqueue(msg)

    accepted, message = Own("phc_key", send=False).track("u1", "Bought")
    assert accepted is True
    assert message["messageId"]


@BOTH
def test_an_own_enqueue_may_make_the_whole_message(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            made = {"type": "track", "event": "Sold", "userId": msg["userId"], "timestamp": None, "context": {}}
            return super()._enqueue({**made, "integrations": {}})

    accepted, message = Own("phc_key", send=False).track("u1", "Bought")
    assert accepted is True
    assert (message["event"], message["userId"], message["anonymousId"]) == ("Sold", "u1", None)


@BOTH
def test_a_message_without_a_dict_for_its_context_raises(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            return super()._enqueue({**msg, "context": None})

    with pytest.raises(AssertionError, match="context"):
        Own("phc_key", send=False).track("u1", "Bought")


def test_a_type_that_posthog_has_not_is_refused_and_reported() -> None:
    class Own(analytics_posthog.Client):
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            return super()._enqueue({**msg, "type": "mine"})

    reported: Reported = []
    accepted, message = Own("phc_key", send=False, on_error=lambda *args: reported.append(args)).track("u1", "Bought")
    assert (accepted, message["type"]) == (False, "mine")
    ((error, messages),) = reported
    assert str(error) == "a message's type must be one of track, identify, page, screen, group, alias"
    assert messages == [message]


@BOTH
def test_shutdown_calls_an_own_flush_and_join(base: Any) -> None:
    calls = []

    class Own(base):  # type: ignore[misc]
        def flush(self) -> Any:
            calls.append("flush")
            return super().flush()

        def join(self) -> None:
            calls.append("join")
            super().join()

    Own("phc_key", send=False).shutdown()
    assert calls == ["flush", "join"]


@BOTH
def test_an_own_init_that_sends_nothing_need_not_call_super(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.send = False

    accepted, message = Own().track("u1", "Bought")
    assert (accepted, message["event"]) == (True, "Bought")


def test_an_own_init_without_super_that_would_send_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Own(analytics_posthog.Client):
        def __init__(self) -> None:
            pass

    client = Own()
    assert client.track("u1", "Bought")[0] is False
    assert caplog.messages == [
        "1 event not sent: the client can't send: its __init__ must call super().__init__(write_key)"
    ]
    assert client.flush() is True
