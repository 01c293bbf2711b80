"""After the module's `shutdown()` the next call makes a new client, and no call is lost between the two."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import analytics_posthog as analytics
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import OURS, threads_of


@pytest.fixture
def module(posthog_server: PostHogServer) -> Iterator[Any]:
    with OURS.module_with(posthog_server) as module:
        yield module


@pytest.mark.parametrize("end", ["shutdown", "join"])
def test_the_next_call_makes_a_new_client(end: str, module: Any, posthog_server: PostHogServer) -> None:
    clients = []
    for number in range(3):
        assert module.track(f"u{number}", "Bought")[0] is True
        clients.append(module.default_client)
        getattr(module, end)()
        getattr(module, end)()
        assert module.default_client is None
        assert threads_of(clients[-1]) == []
        assert posthog_server.distinct_ids == [f"u{n}" for n in range(number + 1)]
    assert len(set(map(id, clients))) == 3


def test_the_new_client_has_the_settings_of_that_moment(module: Any, posthog_server: PostHogServer) -> None:
    module.track("u0", "Bought")
    module.shutdown()
    module.upload_size = 7
    module.track("u1", "Bought")
    assert module.default_client.consumers[0].flush_at == 7


def test_before_any_call_and_twice_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "write_key", "phc_key")
    analytics.shutdown()
    analytics.shutdown()
    analytics.join()
    assert analytics.default_client is None


def test_calls_that_race_with_shutdowns_are_delivered_or_refused(module: Any, posthog_server: PostHogServer) -> None:
    accepted: list[str] = []

    def work(name: int) -> None:
        for number in range(150):
            ok, message = module.track(f"{name}-{number}", "Bought")
            if ok:
                accepted.append(message["userId"])
            if number % 50 == 25:
                module.shutdown()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    module.shutdown()
    assert sorted(posthog_server.distinct_ids) == sorted(accepted)
    assert len(accepted) > 500
