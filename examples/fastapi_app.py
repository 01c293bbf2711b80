"""FastAPI: each call carries the request, and what is queued is delivered before the server stops.

POSTHOG_PROJECT_API_KEY=phc_... uvicorn fastapi_app:app
curl --json '{"user_id": "user-42", "plan": "team"}' http://127.0.0.1:8000/signup
"""

import os
from typing import Annotated

from fastapi import Body, FastAPI
from posthog.integrations.asgi import PosthogASGIMiddleware

import analytics_posthog as analytics
from analytics_posthog.integrations.asgi import AnalyticsMiddleware

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")

app = FastAPI()
app.add_middleware(PosthogASGIMiddleware)  # for PostHog's session
app.add_middleware(AnalyticsMiddleware, trusted_proxies=os.environ.get("TRUSTED_PROXIES", "").split())


@app.post("/signup")
async def signup(user_id: Annotated[str, Body()], plan: Annotated[str, Body()]) -> dict[str, bool]:
    # Holds no event loop up: `track()` only puts the event on a queue.
    analytics.track(user_id, "Signed Up", {"plan": plan})
    return {"ok": True}
