"""The ASGI middleware, with uvicorn: what a view calls carries the request, and the server's end loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

import analytics_posthog as analytics
from analytics_posthog._message import current_request
from analytics_posthog.integrations.asgi import AnalyticsMiddleware
from tests.support.posthog_server import PostHogServer
from tests.support.web import HEADERS, PATH, QUERY, expected


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """Serve an app with uvicorn in a thread, and yield its url. uvicorn's own belief in proxies is off."""
    started = threading.Event()

    class Starting(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Starting(uvicorn.Config(app, port=0, log_level="error", proxy_headers=False, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(10)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def get(url: str, **headers: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as browser:
        return browser.get(url, headers={**HEADERS, **headers})


@pytest.fixture(autouse=True)
def module(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host, analytics.upload_interval = "phc_key", posthog_server.url, 0.01


async def in_the_loop(request: Request) -> Response:
    analytics.track("u1", "Bought")
    return JSONResponse({})


def in_a_thread(request: Request) -> Response:
    analytics.track("u1", "Bought")
    return JSONResponse({})


async def in_the_background(request: Request) -> Response:
    return JSONResponse({}, background=BackgroundTask(analytics.track, "u1", "Bought"))


async def in_a_task(request: Request) -> Response:
    async def call() -> None:
        analytics.track("u1", "Bought")

    await asyncio.create_task(call())
    return JSONResponse({})


async def in_a_stream(request: Request) -> Response:
    async def parts() -> Any:
        analytics.track("u1", "Bought")
        yield b"{}"

    return StreamingResponse(parts())


@pytest.mark.parametrize(
    "view", [in_the_loop, in_a_thread, in_the_background, in_a_task, in_a_stream], ids=lambda view: view.__name__
)
@pytest.mark.parametrize(
    ("trusted", "ip"), [([], "127.0.0.1"), (["127.0.0.1"], "203.0.113.7"), (["192.0.2.0/24"], "127.0.0.1")], ids=str
)
def test_a_call_in_a_view_carries_the_request(
    view: Any, trusted: list[str], ip: str, posthog_server: PostHogServer
) -> None:
    app = Starlette(routes=[Route("/{rest:path}", view)])
    app.add_middleware(AnalyticsMiddleware, trusted_proxies=trusted)
    with serving(app) as base:
        assert get(f"{base}{PATH}{QUERY}").status_code == 200
        (event,) = posthog_server.wait_for(1)
    assert event["properties"] == expected(base, ip)


@pytest.mark.parametrize("options", [{}, {"root_path": "/behind"}], ids=["", "a root path"])
def test_the_path_of_a_mounted_app_is_the_browser_s(options: Any, posthog_server: PostHogServer) -> None:
    inner = AnalyticsMiddleware(Starlette(routes=[Route("/b", in_the_loop)]))
    with serving(Starlette(routes=[Mount("/a", inner)]), **options) as base:
        assert get(f"{base}/a/b").status_code == 200
        (event,) = posthog_server.wait_for(1)
    path = f"{options.get('root_path', '')}/a/b"
    assert (event["properties"]["$pathname"], event["properties"]["$current_url"]) == (path, f"{base}{path}")


def test_the_server_s_end_waits_for_what_was_called(posthog_server: PostHogServer) -> None:
    analytics.upload_interval = 3600
    with serving(AnalyticsMiddleware(Starlette(routes=[Route("/", in_the_loop)]))) as base:
        get(base)
        assert posthog_server.events == []
    assert [event["event"] for event in posthog_server.events] == ["Bought"]


def test_the_lifespan_and_other_scopes_are_the_app_s_own() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], current_request()))
        await send({"type": "lifespan.startup.complete"})

    async def send(message: Any) -> None:
        seen.append(message)

    async def run() -> None:
        for kind in ("lifespan", "of the future"):
            await AnalyticsMiddleware(app)({"type": kind}, None, send)  # type: ignore[arg-type]

    asyncio.run(run())
    started = {"type": "lifespan.startup.complete"}
    assert seen == [("lifespan", None), started, ("of the future", None), started]


HOSTILE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "bytes that are no text": {"headers": [(b"host", b"\xff"), (b"user-agent", b"\xff\xfe"), (b"referer", b"\x00")]},
    "a forwarded one twice": {"headers": [(b"x-forwarded-for", b"6.6.6.6"), (b"X-Forwarded-For", b"\xff")]},
    "long ones": {"path": "/" + "a" * 9000, "query_string": b"a=" * 9000, "headers": [(b"referer", b"r" * 9000)]},
    "a lone surrogate": {"path": "/\ud800"},
    "a Unix socket": {"client": None, "server": ("/run/app.sock", None)},
    "no client's port": {"client": ("", 0), "server": None},
}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("given", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_reaches_the_view_and_its_event_arrives(
    given: dict[str, Any], kind: str, posthog_server: PostHogServer
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        analytics.track("u1", "Bought")

    scope = {"type": kind, "path": "/", "headers": [], "client": ("192.0.2.1", 5), **given}
    asyncio.run(AnalyticsMiddleware(app, ["192.0.2.1", "unix"])(scope, None, None))  # type: ignore[arg-type]
    assert [event["event"] for event in posthog_server.wait_for(1)] == ["Bought"]
