"""A Flask view's call has the request, and the session that PostHog's integration knows."""

from flask_app import app

from analytics_posthog.testing import Captured

SESSION = "01900000-0000-7000-8000-000000000042"


def test_who_signs_up_is_tracked_with_session_and_request(captured: Captured) -> None:
    headers = {"X-PostHog-Session-Id": SESSION, "User-Agent": "a browser"}
    answer = app.test_client().post("/signup", data={"user_id": "user-42", "plan": "team"}, headers=headers)
    assert answer.get_json() == {"ok": True}
    captured.assert_tracked("Signed Up", user_id="user-42", properties={"plan": "team"}, times=1)
    properties = captured.events[0]["properties"]
    assert (properties["$session_id"], properties["$raw_user_agent"]) == (SESSION, "a browser")
    assert (properties["$request_route"], properties["$ip"]) == ("/signup", "127.0.0.1")
