"""For event loops: `aflush` and `async with Client`, which let the loop go on while they wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client
from tests.support.posthog_server import HANG, PostHogServer


async def while_the_loop_turns(waiting: Awaitable[Any]) -> tuple[Any, int]:
    """What was awaited, and how often another task had its turn meanwhile."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(turn())
    try:
        return await waiting, turns
    finally:
        task.cancel()


def test_aflush_waits_for_what_is_queued_while_the_loop_goes_on(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.1)

    async def app() -> None:
        with Client("phc_key", posthog_server.url, upload_interval=3600) as client:
            client.track("u1", "Bought")
            flushed, turns = await while_the_loop_turns(client.aflush())
            assert (flushed, len(posthog_server.events)) == (True, 1)
            assert turns > 10

    asyncio.run(app())


def test_aflush_answers_false_when_its_time_is_over(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    analytics.write_key, analytics.host = "phc_key", posthog_server.url

    async def app() -> float:
        analytics.track("u1", "Bought")
        began = time.monotonic()
        assert await analytics.aflush(0.1) is False
        return time.monotonic() - began

    assert 0.1 <= asyncio.run(app()) < 5
    posthog_server.release()


def test_the_end_of_async_with_sends_what_is_queued_and_ends_the_client(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.1)

    async def block() -> Client:
        async with Client("phc_key", posthog_server.url, upload_interval=3600) as client:
            assert type(client) is Client
            client.track("u1", "Bought")
        return client

    async def app() -> None:
        client, turns = await while_the_loop_turns(block())
        assert turns > 10
        assert client.track("u1", "Late")[0] is False

    asyncio.run(app())
    assert [event["event"] for event in posthog_server.events] == ["Bought"]


def test_an_error_in_async_with_goes_on_to_the_app_and_loses_nothing(posthog_server: PostHogServer) -> None:
    async def app() -> None:
        async with Client("phc_key", posthog_server.url, upload_interval=3600) as client:
            client.track("u1", "Bought")
            raise LookupError("the app's own")

    with pytest.raises(LookupError, match="the app's own"):
        asyncio.run(app())
    assert [event["event"] for event in posthog_server.events] == ["Bought"]


def test_a_task_that_is_cancelled_in_aflush_is_cancelled_at_once_and_loses_nothing(
    posthog_server: PostHogServer,
) -> None:
    asked = threading.Event()
    posthog_server.answer = lambda _: asked.set() or HANG  # type: ignore[func-returns-value]

    async def app() -> None:
        with Client("phc_key", posthog_server.url) as client:
            client.track("u1", "Bought")
            flushing = asyncio.create_task(client.aflush(5))
            await asyncio.to_thread(asked.wait, 10)
            flushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flushing
            assert posthog_server.events == []
            posthog_server.release()
            assert await client.aflush(5) is True

    asyncio.run(app())
    assert [event["event"] for event in posthog_server.events] == ["Bought"]
