"""Thousands of calls in a process of their own: none is lost, none counts twice."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import LOST, RESET, Answer, PostHogServer, Request

SETTINGS = "import analytics_posthog as analytics\nanalytics.write_key, analytics.host = 'phc_key', {url!r}\n"


def uuids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["uuid"] for event in events)


def test_4000_events_count_once_with_faults_in_28_percent_of_the_answers() -> None:
    faults: list[Answer | str] = [(503, {}, b"{}"), (429, {"Retry-After": "1"}, b"{}"), RESET, LOST]
    dice = random.Random(28)
    given: Counter[str] = Counter()

    def answer(_: Request) -> Answer | str | None:
        fault = dice.choice(faults) if dice.random() < 0.28 else None
        given[str(fault if fault is None or isinstance(fault, str) else fault[0])] += 1
        return fault

    script = """
for number in range(4000):
    assert analytics.track(f"u{number:04}", "Bought")[0]
print(analytics.flush(60), analytics.stats())
"""
    with PostHogServer() as server:
        server.answer = answer
        done = run_python("-c", SETTINGS.format(url=server.url) + script, timeout=90)
        assert done.stdout == "True {'accepted': 4000, 'delivered': 4000, 'failed': 0, 'refused': 0, 'queued': 0}\n"
        assert done.stderr == ""
        counted = server.unique_events()
    assert sorted(event["distinct_id"] for event in counted) == [f"u{number:04}" for number in range(4000)]
    assert len(set(uuids(counted))) == 4000
    assert all(given[fault] for fault in ("503", "429", "reset", "lost"))


@pytest.mark.parametrize(
    "options", [{"max_queue_size": 50_000}, {"max_queue_size": 200, "block_when_full": 60}], ids=["large", "small"]
)
def test_8_threads_call_5000_times_each_while_another_flushes(
    options: dict[str, Any], posthog_server: PostHogServer
) -> None:
    script = f"""
import threading
client = analytics.Client("phc_key", analytics.host, upload_size=500, **{options})
refused, flushed, done = [], [], threading.Event()
def work(name):
    for number in range(5000):
        if not client.track(f"{{name}}-{{number}}", "Bought", message_id=f"{{name}}-{{number}}")[0]:
            refused.append(number)
def flush():
    while not done.wait(0.05):
        flushed.append(client.flush(30))
threads = [threading.Thread(target=work, args=[name]) for name in range(8)]
flusher = threading.Thread(target=flush)
for thread in [*threads, flusher]:
    thread.start()
for thread in threads:
    thread.join()
done.set()
flusher.join()
print(len(refused), all(flushed), bool(flushed), client.flush(30), client.stats()["delivered"])
"""
    done = run_python("-c", SETTINGS.format(url=posthog_server.url) + script, timeout=90)
    assert done.stdout == "0 True True True 40000\n", done.stderr
    expected = {f"{name}-{number}" for name in range(8) for number in range(5000)}
    assert {event["distinct_id"] for event in posthog_server.events} == expected
    assert len(posthog_server.events) == len(set(uuids(posthog_server.events))) == 40_000
