"""The faults of Segment's client that are not inherited.

Each check finds the fault in Segment's client, and none in ours.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import NEVER, OURS, SEGMENT, Kit, child, log_records, returns

SECRET = "4111 1111 1111 1111"


# Each check returns what it saw of the fault, or nothing if it is not there.


def zero_and_uuids_are_refused_as_ids(kit: Kit, server: PostHogServer) -> object:
    order = uuid.UUID(int=5)
    with kit.client(server) as client:
        try:
            for user_id in (0, order):
                client.track(user_id, "Bought")
        except AssertionError as error:
            return error
        client.flush()
    assert kit.ids(server) == ["0", str(order)]
    return None


def thread_3_keeps_one_consumer(kit: Kit, server: PostHogServer) -> object:
    before = set(threading.enumerate())
    with kit.client(server, thread=3) as client:
        started: Any = {thread for thread in threading.enumerate() if thread not in before and hasattr(thread, "pause")}
        assert len(started) == 3
        client.join()
        left = [thread for thread in started if thread.is_alive()]
        for thread in left:
            thread.pause()
        return left or len(client.consumers) != 3


def flush_never_returns_after_an_oversize_item(kit: Kit, server: PostHogServer) -> object:
    server.answer = lambda _: HANG
    with kit.client(server, upload_interval=0.05) as client:
        client.track("u1", "First")
        server.wait_for_requests(1)  # the consumer is busy: what comes now stays in the queue
        _, message = client.track("u1", "Second")
        message["properties"]["log"] = "x" * (33 << 10)  # the app goes on with what it was given back
        server.release()
        return not returns(client.flush)


def flush_never_returns_when_the_host_is_down(kit: Kit, server: PostHogServer) -> object:
    server.stop()
    with kit.client(server) as client:
        client.track("u1", "Bought")
        flush = client.flush if kit is SEGMENT else lambda: client.flush(timeout=0.5)
        return not returns(flush)


def flush_never_returns_after_a_fork(kit: Kit, server: PostHogServer) -> object:
    script = f"""
import os, threading
analytics.track("parent", "Bought")
analytics.flush()
if os.fork() == 0:
    analytics.track("child", "Bought")
    thread = threading.Thread(target=analytics.flush, daemon=True)
    thread.start()
    thread.join({NEVER})
    os._exit(7 if thread.is_alive() else 0)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    stuck = child(script, kit, server).strip() == "7"
    assert sorted(kit.ids(server)) == (["parent"] if stuck else ["child", "parent"])
    return stuck


def shutdown_raises_in_sync_mode(kit: Kit, server: PostHogServer) -> object:
    with kit.client(server, sync_mode=True) as client:
        client.track("u1", "Bought")
        try:
            client.shutdown()
        except TypeError as error:
            return error
    return None


def the_caller_s_context_is_changed(kit: Kit, server: PostHogServer) -> object:
    context = {"ip": "192.0.2.1"}
    with kit.client(server, send=False) as client:
        client.track("u1", "Bought", context=context)
    return context != {"ip": "192.0.2.1"}


def nan_goes_out_bare_and_endangers_its_neighbours(kit: Kit, server: PostHogServer) -> object:
    with kit.client(server, upload_interval=1) as client:
        for number in range(10):
            client.track(f"u{number}", "Rated", {"stars": float("nan") if number == 5 else number})
        client.flush()
    sent_bare = any(b"NaN" in request.body for request in server.requests)
    assert kit.ids(server) == ([] if sent_bare else [f"u{number}" for number in range(10)])
    return sent_bare


@dataclasses.dataclass
class Item:
    sku: str


def uuids_dataclasses_and_timedeltas_are_dropped(kit: Kit, server: PostHogServer) -> object:
    with kit.client(server) as client:
        client.track("u1", "Bought", {"order": uuid.UUID(int=5), "item": Item("a1"), "took": timedelta(seconds=90)})
        client.flush()
    (properties,) = kit.properties(server)
    expected = {"order": str(uuid.UUID(int=5)), "item": {"sku": "a1"}, "took": 90.0}
    sent = {name: properties[name] for name in expected if name in properties}
    assert sent in ({}, expected)
    return not sent


def naive_utcnow_lands_hours_in_the_future_west_of_greenwich(kit: Kit, server: PostHogServer) -> object:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "PST8PDT,M3.2.0,M11.1.0"
    time.tzset()
    try:
        with kit.client(server, send=False) as client:
            now = datetime.now(timezone.utc)
            _, message = client.track("u1", "Bought", timestamp=now.replace(tzinfo=None))
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()
    ahead = datetime.fromisoformat(message["timestamp"]) - now
    assert abs(ahead) < timedelta(seconds=1) or timedelta(hours=7) <= ahead <= timedelta(hours=8, seconds=1)
    return ahead if ahead > timedelta(hours=1) else None


def errors_hold_the_message(kit: Kit, server: PostHogServer) -> object:
    reported: list[Exception] = []
    with log_records() as logged, kit.client(server, on_error=lambda error, _: reported.append(error)) as client:
        try:
            client.track("u1", "Bought", {"card": SECRET, "log": "x" * (1 << 20)})
        except RuntimeError as error:
            reported.append(error)
        client.flush()
    assert reported
    return SECRET in str(reported) + str(logged)


def debug_log_lines_hold_the_message(kit: Kit, server: PostHogServer) -> object:
    with log_records() as logged, kit.client(server, debug=True) as client:
        client.track("u1", "Bought", {"card": SECRET})
        client.flush()
    return SECRET in str(logged)


def warnings_hold_the_value(kit: Kit, server: PostHogServer) -> object:
    class Card:
        __slots__ = ()

        def __repr__(self) -> str:
            return SECRET

    with log_records() as logged, kit.client(server) as client:
        client.track("u1", "Bought", {"card": Card()})
        client.flush()
    assert logged
    return SECRET in str(logged)


def log_handler_cannot_be_set_on_the_module(kit: Kit, server: PostHogServer) -> object:
    handler = logging.Handler()
    with log_records(), kit.module_with(server, log_handler=handler) as analytics:
        analytics.flush()
        return handler not in analytics.default_client.log.handlers


def proxies_cannot_be_set_on_the_module(kit: Kit, server: PostHogServer) -> object:
    with PostHogServer() as proxy, kit.module_with(server, proxies={"http": proxy.url}) as analytics:
        analytics.track("u1", "Bought")
        analytics.flush()
        assert len(proxy.requests) + len(server.requests) == 1
        return not proxy.requests


def thread_cannot_be_set_on_the_module(kit: Kit, server: PostHogServer) -> object:
    with kit.module_with(server, thread=3) as analytics:
        analytics.flush()
        return len(analytics.default_client.consumers) != 3


def upload_size_cannot_be_set_on_the_module(kit: Kit, server: PostHogServer) -> object:
    with kit.module_with(server, upload_size=7) as analytics:
        for _ in range(20):
            analytics.track("u1", "Bought")
        analytics.flush()
        return max(len(batch["batch"]) for batch in server.batches + server.segment_batches) > 7


def upload_interval_cannot_be_set_on_the_module(kit: Kit, server: PostHogServer) -> object:
    with kit.module_with(server, upload_interval=30) as analytics:
        analytics.track("u1", "Bought")
        try:
            server.wait_for_requests(1, timeout=1.5)  # Segment's default is half a second
        except AssertionError:
            assert returns(analytics.flush)  # which does not wait for the interval
            return None
    return server.requests


def everything_queued_at_exit_is_lost(kit: Kit, server: PostHogServer) -> object:
    server.answer = lambda _: time.sleep(0.2)  # slower than the calls, on any machine
    script = "for number in range(600):\n    analytics.track(str(number), 'Bought')\n"
    child(script, kit, server)
    return 600 - len(set(kit.ids(server)))


FAULTS = [
    zero_and_uuids_are_refused_as_ids,
    thread_3_keeps_one_consumer,
    flush_never_returns_after_an_oversize_item,
    flush_never_returns_when_the_host_is_down,
    flush_never_returns_after_a_fork,
    shutdown_raises_in_sync_mode,
    the_caller_s_context_is_changed,
    nan_goes_out_bare_and_endangers_its_neighbours,
    uuids_dataclasses_and_timedeltas_are_dropped,
    naive_utcnow_lands_hours_in_the_future_west_of_greenwich,
    errors_hold_the_message,
    debug_log_lines_hold_the_message,
    warnings_hold_the_value,
    log_handler_cannot_be_set_on_the_module,
    proxies_cannot_be_set_on_the_module,
    thread_cannot_be_set_on_the_module,
    upload_size_cannot_be_set_on_the_module,
    upload_interval_cannot_be_set_on_the_module,
    everything_queued_at_exit_is_lost,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_segment_s_client_has_this_fault(
    fault: Callable[[Kit, PostHogServer], object], posthog_server: PostHogServer
) -> None:
    assert fault(SEGMENT, posthog_server)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_ours_has_it_not(fault: Callable[[Kit, PostHogServer], object], posthog_server: PostHogServer) -> None:
    assert not fault(OURS, posthog_server)
