"""FastAPI, with PostHog's own ASGI middleware; what is queued is delivered before the server stops.

POSTHOG_PROJECT_API_KEY=phc_... uvicorn fastapi_app:app
curl --json '{"user_id": "user-42", "plan": "team"}' http://127.0.0.1:8000/signup
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, FastAPI
from posthog.integrations.asgi import PosthogASGIMiddleware

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    analytics.shutdown()  # may block: no request is being served any more


app = FastAPI(lifespan=lifespan)
app.add_middleware(PosthogASGIMiddleware)


@app.post("/signup")
async def signup(user_id: Annotated[str, Body()], plan: Annotated[str, Body()]) -> dict[str, bool]:
    # Holds no event loop up: `track()` only puts the event on a queue.
    analytics.track(user_id, "Signed Up", {"plan": plan})
    return {"ok": True}
