"""The app is told what became of each message: on_error for every loss, on_success after a 200."""

from __future__ import annotations

import time
from typing import Any

import pytest

from analytics_posthog import AnalyticsError, Client, ClientShutDown, DeliveryError, InvalidMessage, MessageTooLarge, QueueFull
from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, RESET, PostHogServer
from tests.support.callbacks import Message, Told, refusing, stats
from tests.support.two_clients import OURS


@pytest.fixture
def told() -> Told:
    return Told()


# --- one bad event


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("bad", [0, 37, 99])
def test_of_a_batch_with_one_event_that_is_refused_99_are_delivered_and_on_error_gets_the_one(
    bad: int, status: int, posthog_server: PostHogServer, told: Told
) -> None:
    posthog_server.answer = refusing(f"u{bad}", status=status)
    with OURS.client(posthog_server, upload_interval=60, **told.options()) as client:
        messages = [client.track(f"u{number}", "Bought")[1] for number in range(100)]
        assert client.flush()
        ((error, lost),) = told.errors
        assert lost == [messages[bad]]
        assert isinstance(error, DeliveryError)
        assert error.status == status
        assert sorted(event["distinct_id"] for event in posthog_server.events) == sorted(f"u{n}" for n in range(100) if n != bad)
        assert sorted(message["userId"] for message in told.delivered) == sorted(f"u{n}" for n in range(100) if n != bad)
        assert client.stats() == stats(100, 99, 1)
    assert len(posthog_server.requests) < 20  # by halves, not one by one


def test_several_bad_ones_in_a_batch_cost_none_of_the_others(posthog_server: PostHogServer, told: Told) -> None:
    bad = [f"u{number}" for number in (3, 4, 50, 98)]
    posthog_server.answer = refusing(*bad)
    with OURS.client(posthog_server, upload_interval=60, **told.options()) as client:
        for number in range(100):
            client.track(f"u{number}", "Bought")
        assert client.flush()
    assert sorted(message["userId"] for message in told.lost) == sorted(bad)
    assert all(len(messages) == 1 for _, messages in told.errors)
    assert len(posthog_server.events) == 96


def test_a_fault_while_a_batch_is_being_split_loses_nothing(posthog_server: PostHogServer, told: Told) -> None:
    bad = refusing("u7")
    faults = iter([None, RESET, None, (503, {}, b""), None, RESET])
    posthog_server.answer = lambda request: next(faults, None) or bad(request)
    with OURS.client(posthog_server, upload_interval=60, **told.options()) as client:
        for number in range(16):
            client.track(f"u{number}", "Bought")
        assert client.flush()
    assert [message["userId"] for message in told.lost] == ["u7"]
    assert len(posthog_server.events) == 15


# --- on_error for every loss


def test_on_error_hears_of_every_kind_of_loss(posthog_server: PostHogServer, told: Told) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["event"] == "Raise":
            raise RuntimeError
        return {} if event["event"] == "Empty" else event

    posthog_server.answer = refusing("refused", status=401)
    with OURS.client(posthog_server, upload_size=1, max_queue_size=1, before_send=before_send, **told.options()) as client:
        client.track("u1", "Big", {"text": "x" * (1 << 20)})
        client.track(" ", "Blank")
        client.track("u1", "Raise")
        client.track("u1", "Empty")
        client.track("refused", "Refused")
        assert client.flush()
        posthog_server.answer = lambda _: HANG
        client.track("u1", "Hangs")
        posthog_server.wait_for_requests(2)
        client.track("u1", "Queued")
        client.track("u1", "Full")
        client._posthog.shutdown(0.1)
        client.track("u1", "Late")
    heard = {messages[0]["event"]: type(error) for error, messages in told.errors}
    heard.update({message["event"]: type(error) for error, messages in told.errors for message in messages})
    assert heard == {
        "Big": MessageTooLarge,
        "Blank": InvalidMessage,
        "Raise": AnalyticsError,
        "Empty": InvalidMessage,
        "Refused": DeliveryError,
        "Hangs": ClientShutDown,
        "Queued": ClientShutDown,
        "Full": QueueFull,
        "Late": ClientShutDown,
    }
    assert len(told.lost) == 9
    assert client.stats() == stats(accepted=3, failed=3, refused=6)
    posthog_server.release()


def test_on_error_hears_of_a_server_that_never_came_back(told: Told) -> None:
    client = Client("phc_key", "http://127.0.0.1:1", max_retries=1, **told.options())
    _, message = client.track("u1", "Bought")
    assert client.flush(10)
    ((error, messages),) = told.errors
    assert messages == [message]
    assert "ConnectionRefusedError" in str(error)
    assert "phc_key" not in str(error)
    client.shutdown()


def test_when_flush_returns_on_error_and_on_success_have_been_called(posthog_server: PostHogServer) -> None:
    heard: list[str] = []

    def slowly(*arguments: Any) -> None:
        time.sleep(0.05)
        heard.extend(message["userId"] for message in arguments[-1])

    posthog_server.answer = refusing("u1")
    with OURS.client(posthog_server, upload_size=1, on_error=slowly, on_success=slowly) as client:
        for number in range(4):
            client.track(f"u{number}", "Bought")
            assert client.flush()
            assert heard[-1] == f"u{number}"


# --- on_success


def test_on_success_gets_the_messages_of_each_batch_that_was_answered_200(posthog_server: PostHogServer, told: Told) -> None:
    with OURS.client(posthog_server, upload_size=10, upload_interval=60, **told.options()) as client:
        messages = [client.track(f"u{number}", "Bought")[1] for number in range(25)]
        assert client.flush()
    assert [len(batch) for batch in told.successes] == [10, 10, 5]
    assert told.delivered == messages
    assert told.errors == []


def test_on_success_in_sync_mode_and_from_the_module(posthog_server: PostHogServer, told: Told) -> None:
    with OURS.module_with(posthog_server, sync_mode=True, **told.options()) as module:
        _, message = module.track("u1", "Bought")
        assert told.delivered == [message]


def test_on_success_is_silent_when_nothing_is_sent(posthog_server: PostHogServer, told: Told) -> None:
    with OURS.client(posthog_server, send=False, **told.options()) as client:
        assert client.track("u1", "Bought")[0]
        client.flush()
    with OURS.client(posthog_server, before_send=lambda event: None, **told.options()) as client:
        assert client.track("u1", "Bought")[0]
        client.flush()
    assert (told.errors, told.successes) == ([], [])


# --- callbacks that do harm


@pytest.mark.parametrize("failure", [RuntimeError("app"), KeyError("x"), SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("thread", [1, 2])
def test_a_callback_that_raises_harms_nothing(thread: int, failure: BaseException, posthog_server: PostHogServer) -> None:
    calls: list[str] = []

    def fail(*arguments: Any) -> None:
        calls.extend(message["userId"] for message in arguments[-1])
        raise failure

    posthog_server.answer = refusing("u3")
    with OURS.client(posthog_server, upload_size=2, thread=thread, on_error=fail, on_success=fail) as client:
        for number in range(10):
            assert client.track(f"u{number}", "Bought")[0]
        assert client.flush()
        assert client.stats() == stats(10, 9, 1)
    assert sorted(calls) == [f"u{number}" for number in range(10)]
    assert len(posthog_server.events) == 9


def test_a_callback_that_hangs_holds_up_neither_flush_nor_exit(posthog_server: PostHogServer) -> None:
    script = f"""
import time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
analytics.on_success, analytics.exit_timeout = lambda messages: time.sleep(60), 0.5
analytics.track("u1", "Bought")
start = time.monotonic()
print(analytics.flush(0.5), time.monotonic() - start < 1.5)
"""
    start = time.monotonic()
    done = run_python("-c", script, timeout=20)
    assert done.stdout == "False True\n"
    assert done.returncode == 0
    assert time.monotonic() - start < 5


def test_a_callback_may_call_send_again_what_it_is_told_of(posthog_server: PostHogServer) -> None:
    """The messages are Segment's, fit for the same calls."""
    posthog_server.answer = refusing("u1", status=401)
    again: list[bool] = []

    def retry(error: Exception, messages: list[Message]) -> None:
        posthog_server.answer = None
        for message in messages:
            again.append(client.track(message["userId"], message["event"], message["properties"], message_id=message["messageId"])[0])

    with OURS.client(posthog_server, on_error=retry) as client:
        client.track("u1", "Bought", {"price": 5})
        assert client.flush()
        assert client.flush()
        assert client.stats() == stats(2, 1, 1)
    (event,) = posthog_server.events
    assert again == [True]
    assert event["properties"]["price"] == 5


def test_what_a_callback_does_to_the_messages_does_nothing_to_others(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, on_success=lambda messages: messages.clear()) as client:
        client.track("u1", "Bought")
        assert client.flush()
        assert client.stats() == stats(1, 1)
