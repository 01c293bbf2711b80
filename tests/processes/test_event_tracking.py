"""Somebody else's package with a backend for Segment goes on, unchanged, after install_as_segment()."""

from __future__ import annotations

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

THIRD_PARTY = """
import analytics_posthog
analytics_posthog.install_as_segment(legacy=True)
analytics_posthog.write_key, analytics_posthog.host = "phc_key", {url!r}

from eventtracking.backends.segment import SegmentBackend
from eventtracking.tracker import Tracker

tracker = Tracker(backends={{"segment": SegmentBackend()}})
visit = {{"user_id": 10, "ip": "192.0.2.1", "agent": "Mozilla/5.0", "host": "example.com", "path": "/courses/1"}}
with tracker.context("request", visit):
    tracker.emit("edx.course.enrollment.activated", {{"course_id": "course-v1:edX+DemoX+2024", "mode": "honor"}})
tracker.emit("nobody.did.this", {{"a": 1}})  # it sends nothing without a user_id
analytics_posthog.flush(10)
"""


def test_events_of_event_tracking_s_segment_backend_arrive_in_posthog(posthog_server: PostHogServer) -> None:
    """Open edX's event-tracking, unchanged: its backend says `import analytics`, and `analytics.track(...)`."""
    done = run_python("-W", "error", "-c", THIRD_PARTY.format(url=posthog_server.url))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (event,) = posthog_server.events
    properties = event["properties"]
    assert (event["event"], event["distinct_id"]) == ("edx.course.enrollment.activated", "10")
    sent = properties.pop("timestamp")
    assert sent.endswith("+00:00")
    context = {"user_id": 10, "ip": "192.0.2.1", "agent": "Mozilla/5.0", "host": "example.com", "path": "/courses/1"}
    page = {"path": "/courses/1", "url": "https://example.com/courses/1"}
    expected = {
        "name": "edx.course.enrollment.activated",
        "data": {"course_id": "course-v1:edX+DemoX+2024", "mode": "honor"},
        "context": context,
        "distinct_id": "10",
        "$ip": "192.0.2.1",
        "$raw_user_agent": "Mozilla/5.0",
        "$current_url": page["url"],
        "$pathname": "/courses/1",
        "$host": "example.com",
        "segment_ip": "192.0.2.1",
        "segment_userAgent": "Mozilla/5.0",
        "segment_page": page,
    }
    more = {key: value for key, value in properties.items() if key not in expected}
    assert {key: value for key, value in properties.items() if key in expected} == expected
    assert sorted(more) == ["$lib", "$lib_version", "segment_library"]
