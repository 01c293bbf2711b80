"""`on_success(messages)` gets the messages of each batch that PostHog took."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.callbacks import Reports, refusing, stats
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import OURS


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_it_gets_the_messages_of_each_batch_that_was_answered_200(
    posthog_server: PostHogServer, reports: Reports
) -> None:
    with OURS.client(posthog_server, upload_size=10, upload_interval=60, **reports.options()) as client:
        messages = [client.track(f"u{number}", "Bought")[1] for number in range(25)]
        assert client.flush()
    assert [len(batch) for batch in reports.successes] == [10, 10, 5]
    assert reports.delivered == messages
    assert reports.errors == []


def test_it_is_called_in_sync_mode_and_for_the_module(posthog_server: PostHogServer, reports: Reports) -> None:
    with OURS.module_with(posthog_server, sync_mode=True, **reports.options()) as module:
        _, message = module.track("u1", "Bought")
        assert reports.delivered == [message]


def test_it_is_not_called_when_nothing_is_sent(posthog_server: PostHogServer, reports: Reports) -> None:
    with OURS.client(posthog_server, send=False, **reports.options()) as client:
        assert client.track("u1", "Bought")[0]
        client.flush()
    with OURS.client(posthog_server, before_send=lambda event: None, **reports.options()) as client:
        assert client.track("u1", "Bought")[0]
        client.flush()
    assert (reports.errors, reports.successes) == ([], [])


def test_on_error_and_on_success_have_been_called_when_flush_returns(posthog_server: PostHogServer) -> None:
    called: list[str] = []

    def slowly(*arguments: Any) -> None:
        time.sleep(0.05)
        called.extend(message["userId"] for message in arguments[-1])

    posthog_server.answer = refusing("u1")
    with OURS.client(posthog_server, upload_size=1, on_error=slowly, on_success=slowly) as client:
        for number in range(4):
            client.track(f"u{number}", "Bought")
            assert client.flush()
            assert called[-1] == f"u{number}"


def test_a_callback_may_change_the_list_of_messages(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, on_success=lambda messages: messages.clear()) as client:
        client.track("u1", "Bought")
        assert client.flush()
        assert client.stats() == stats(1, 1)
