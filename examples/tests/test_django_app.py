"""A Django view's call has the request, and the session that PostHog's middleware knows."""

import django
import django_app
import pytest
from django.test import Client

from analytics_posthog.testing import Captured

SESSION = "01900000-0000-7000-8000-000000000042"


@pytest.fixture(autouse=True)
def _django() -> None:
    django.setup()


def test_who_signs_up_is_tracked_with_session_and_request(captured: Captured) -> None:
    headers = {"X-PostHog-Session-Id": SESSION, "X-Forwarded-For": "203.0.113.7", "Host": "localhost"}
    answer = Client().post("/signup", {"user_id": "user-42", "plan": "team"}, headers=headers)
    assert answer.json() == {"ok": True}
    captured.assert_tracked("Signed Up", user_id="user-42", properties={"plan": "team"}, times=1)
    properties = captured.events[0]["properties"]
    assert (properties["$session_id"], properties["$ip"]) == (SESSION, "127.0.0.1")  # no proxy is trusted
    assert (properties["$current_url"], properties["$request_path"]) == ("http://localhost/signup", "/signup")


def test_a_view_that_fails_tells_nothing(captured: Captured) -> None:
    answer = Client(raise_request_exception=False).post("/signup", {"plan": "team"}, headers={"Host": "localhost"})
    assert answer.status_code == 500
    captured.assert_nothing_sent()
    assert django_app.analytics.flush() is True
