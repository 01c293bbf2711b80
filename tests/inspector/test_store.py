"""Which events the inspector keeps, and that it never keeps more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analytics_posthog._inspector.query import search
from analytics_posthog._inspector.store import LARGEST, MOST_EVENTS, RATE_SECONDS, Kept, Store


def event(name: str = "x", **properties: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": "u", "properties": {"segment_library": {}, **properties}}


def numbers(kept: list[Kept]) -> list[int]:
    return [one.number for one in kept]


def test_it_keeps_the_last_10_000_events_and_counts_all() -> None:
    store = Store()
    for number in range(MOST_EVENTS + 5):
        store.add(event(n=number), 1.0)
    assert (len(store), store.first, store.last, store.total) == (10_000, 6, 10_005, 10_005)
    assert store.get(5) is None
    kept = store.get(6)
    assert kept is not None
    assert json.loads(kept.text) == event(n=5)
    assert store.counts(10) == [("track", "x", 10_005)]


def test_large_events_push_out_the_oldest_so_that_memory_is_bounded() -> None:
    store = Store(most_bytes=10_000)
    for _ in range(20):
        store.add(event(text="x" * 2_000), 1.0)
    assert (len(store), store.bytes <= 10_000) == (4, True)
    store.add(event(text="x" * 20_000), 1.0)
    assert len(store) == 1


def test_only_the_name_is_kept_of_an_event_far_over_posthog_s_limit() -> None:
    kept = Store().add(event("huge", text="x" * (LARGEST + 1)), 1.0)
    assert json.loads(kept.text) == {"event": "huge", "distinct_id": "u", "properties": {}}
    assert (kept.summary.size > LARGEST, kept.summary.note) == (
        True,
        "only its name and distinct id are kept here: it has 2 MiB",
    )


def test_events_after_a_number_come_in_order_and_at_most_so_many() -> None:
    store = Store(most_events=5)
    for _ in range(8):
        store.add(event(), 1.0)
    assert numbers(store.after(0, 100)) == [4, 5, 6, 7, 8]
    assert numbers(store.after(6, 1)) == [7]
    assert store.after(8, 100) == []


def test_clear_forgets_everything_but_the_last_number() -> None:
    store = Store()
    store.add({**event(), "uuid": "a"}, 1.0)
    store.clear()
    assert (len(store), store.total, store.bytes, store.counts(9), store.clears, sum(store.rate(2.0))) == (
        0,
        0,
        0,
        [],
        1,
        0,
    )
    again = store.add({**event(), "uuid": "a"}, 1.0)
    assert (again.number, again.summary.again) == (2, False)


def test_an_uuid_that_is_no_longer_kept_is_no_longer_known() -> None:
    store = Store(most_events=2)
    for uuid in ("a", "b", "c", "a"):
        kept = store.add({**event(), "uuid": uuid}, 1.0)
    assert kept.summary.again is False


def test_too_many_names_are_counted_together() -> None:
    store = Store()
    for number in range(1_500):
        store.add(event(f"name {number}"), 1.0)
    counts = store.counts(2_000)
    assert len(counts) == 1_001
    assert counts[0] == ("", "(other names)", 500)


def test_the_rate_has_a_number_for_each_second_of_five_minutes() -> None:
    store = Store()
    for moment in (1000.1, 1000.9, 1003.0, 1302.5, 1301.0):  # the last one: the clock was set back
        store.add(event(), moment)
    assert len(store.rate(1303.0)) == RATE_SECONDS == 300
    assert store.rate(1303.0)[-1] == 2
    assert store.rate(1303.0)[0] == 1
    assert store.rate(1010.0)[-10:] == [2, 0, 0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("text", ["TEA", "grün", "GRÜN", 'say "no"', "line\nbreak", "order", "segment_library"])
def test_a_text_is_found_anywhere_and_in_any_case(text: str) -> None:
    store = Store()
    store.add(event("other", drink="coffee", segment_library=None), 1.0)
    store.add({**event("Order", note='Tea, grün, say "no", line\nbreak'), "segment_library": 1}, 1.0)
    assert 2 in search(store.after(0, 10), text)
    assert search(store.after(0, 10), text + " not there") == []


def test_a_uuid_of_any_length_is_kept_short_and_forgotten_with_its_event() -> None:
    """UUID("{-...}") takes any number of hyphens."""
    store = Store(most_events=1)
    long = "-" * 100_000 + "0" * 32
    kept = store.add({**event(), "uuid": long}, 1.0)
    assert (len(kept.summary.uuid) <= 200, store.add({**event(), "uuid": long}, 1.0).summary.again) == (True, True)
    store.add(event(), 1.0)
    assert store.add({**event(), "uuid": long}, 1.0).summary.again is False
