"""A FastAPI endpoint's call has the request, and the session that PostHog's middleware knows."""

import asyncio
from inspect import signature

import httpx
from fastapi_app import app
from posthog.integrations.asgi import PosthogASGIMiddleware

from analytics_posthog.testing import Captured

SESSION = "01900000-0000-7000-8000-000000000042"
# Older versions of the middleware look at the browser's headers only when they are asked to.
READS_SESSION = "capture_tracing_headers" in signature(PosthogASGIMiddleware).parameters


async def sign_up() -> object:
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as browser:
        headers = {"X-PostHog-Session-Id": SESSION, "User-Agent": "a browser"}
        answer = await browser.post("/signup", json={"user_id": "user-42", "plan": "team"}, headers=headers)
        return answer.json()


def test_who_signs_up_is_tracked_from_within_the_event_loop(captured: Captured) -> None:
    assert asyncio.run(sign_up()) == {"ok": True}
    captured.assert_tracked("Signed Up", user_id="user-42", properties={"plan": "team"}, times=1)
    properties = captured.events[0]["properties"]
    assert (properties["$raw_user_agent"], properties["$ip"]) == ("a browser", "203.0.113.7")
    assert properties.get("$session_id") == (SESSION if READS_SESSION else None)
    assert properties["$current_url"] == "http://shop.example/signup"
