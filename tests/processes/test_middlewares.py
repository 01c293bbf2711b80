"""PostHog's Django, Flask and ASGI middlewares work as they are.

What a view calls carries the request's session and tags.
"""

from __future__ import annotations

import asyncio
import sys
from inspect import signature
from types import ModuleType
from typing import Any

import django
import httpx
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path as route
from fastapi import FastAPI
from flask import Flask
from posthog.integrations.asgi import PosthogASGIMiddleware
from posthog.integrations.flask import PosthogFlaskIntegration

import analytics_posthog as analytics
from tests.client.test_request_context import SESSION, sent
from tests.support.posthog_server import PostHogServer

HEADERS = {"X-PostHog-Session-Id": SESSION, "X-PostHog-Distinct-Id": "browser", "User-Agent": "Mozilla/5.0"}


@pytest.fixture
def module(posthog_server: PostHogServer) -> ModuleType:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    return analytics


def view() -> str:
    assert analytics.track("u1", "Bought", {"price": 5})[0]
    return "bought"


def of_the_view(server: PostHogServer) -> dict[str, Any]:
    assert analytics.default_client is not None
    (found,) = sent(analytics.default_client, server)
    tagged = found.pop("$context_tags")
    assert found.pop("price") == 5
    # Both are made of the url, as ever.
    assert f"http://{found.pop('$host')}{found.pop('$pathname')}" == found["$current_url"]
    assert sorted(key for key in found if key not in ("$session_id", "$geoip_disable")) == tagged
    return found


BROWSER = {
    "$session_id": SESSION,
    "$user_agent": "Mozilla/5.0",
    "$raw_user_agent": "Mozilla/5.0",
    "$request_method": "GET",
}


def test_flask(module: ModuleType, posthog_server: PostHogServer) -> None:
    app = Flask("shop")
    PosthogFlaskIntegration(app)
    app.get("/buy")(view)
    answer = app.test_client().get("/buy", headers=HEADERS, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.text == "bought"
    assert of_the_view(posthog_server) == {
        **BROWSER,
        "$ip": "192.0.2.7",
        "$current_url": "http://localhost/buy",
        "$request_path": "/buy",
        "$request_route": "/buy",
    }


def test_asgi(module: ModuleType, posthog_server: PostHogServer) -> None:
    """FastAPI's sync endpoints run in a pool's threads, its async ones in the loop."""
    app = FastAPI()
    # Older versions of the middleware look at the browser's headers only when they are configured to.
    taking_headers = (
        {}
        if "capture_tracing_headers" in signature(PosthogASGIMiddleware).parameters
        else {"trust_tracing_headers": True}
    )
    app.add_middleware(PosthogASGIMiddleware, **taking_headers)
    app.get("/buy")(view)

    @app.get("/async")
    async def in_the_loop() -> str:
        return view()

    async def get(path: str) -> Any:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("192.0.2.7", 5)), base_url="http://testserver"
        ) as browser:
            return (await browser.get(path, headers=HEADERS)).json()

    for path in ("/buy", "/async"):
        posthog_server.clear()
        assert asyncio.run(get(path)) == "bought"
        assert of_the_view(posthog_server) == {
            **BROWSER,
            "$ip": "192.0.2.7",
            "$current_url": f"http://testserver{path}",
            "$request_path": path,
        }


@pytest.fixture(scope="module")
def django_urls() -> ModuleType:
    """Django's settings can be made once in a process."""

    def buy(request: HttpRequest) -> HttpResponse:
        return HttpResponse(view())

    async def in_the_loop(request: HttpRequest) -> HttpResponse:
        return HttpResponse(view())

    urls = ModuleType("urls_of_the_request_context_tests")
    urls.urlpatterns = [route("buy", buy), route("async", in_the_loop)]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls
    if not settings.configured:
        settings.configure(SECRET_KEY="s")
    django.setup()
    return urls


@pytest.mark.parametrize("path", ["/buy", "/async"])
@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_django(
    path: str, server: str, django_urls: ModuleType, module: ModuleType, posthog_server: PostHogServer
) -> None:
    middleware = ["posthog.integrations.django.PosthogContextMiddleware"]
    headers = {**HEADERS, "X-Forwarded-For": "192.0.2.7"}
    with override_settings(ROOT_URLCONF=django_urls.__name__, MIDDLEWARE=middleware, ALLOWED_HOSTS=["*"]):
        answer = (
            Client().get(path, headers=headers)
            if server == "wsgi"
            else asyncio.run(AsyncClient().get(path, headers=headers))
        )
    assert answer.content == b"bought"
    assert of_the_view(posthog_server) == {
        **BROWSER,
        "$ip": "192.0.2.7",
        "$current_url": f"http://testserver{path}",
        "$request_path": path,
    }


def test_django_without_an_address_geoip_is_off(
    django_urls: ModuleType, module: ModuleType, posthog_server: PostHogServer
) -> None:
    middleware = ["posthog.integrations.django.PosthogContextMiddleware"]
    with override_settings(ROOT_URLCONF=django_urls.__name__, MIDDLEWARE=middleware, ALLOWED_HOSTS=["*"]):
        Client().get("/buy")
    found = of_the_view(posthog_server)
    assert found["$geoip_disable"] is True
    assert "$session_id" not in found
