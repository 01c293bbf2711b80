"""A short run of what `tests.browser.load` measures at length."""

from __future__ import annotations

from tests.browser.load import measure


def test_at_500_events_a_second_clicks_work_and_memory_is_bounded() -> None:
    found = measure(seconds=6, rate=500)
    assert found.sent == 3000
    slowest_last = sorted(found.clicks)
    assert slowest_last[int(0.95 * (len(slowest_last) - 1))] < 200, found.clicks
    assert max(found.server) < 200
    assert max(found.page) < 100
    assert max(found.nodes) < 20_000
