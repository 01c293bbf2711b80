"""For ASGI: FastAPI, Starlette, Litestar, Quart, Django under ASGI.

app.add_middleware(AnalyticsMiddleware, trusted_proxies=["10.0.0.0/8"])   # FastAPI, Starlette
app.asgi_app = AnalyticsMiddleware(app.asgi_app)                          # Quart
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from .._delivery import drain_all
from .._message import Request, in_request
from .proxies import TrustedProxies
from .web import web_context

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_LAST: Final = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class AnalyticsMiddleware:
    """Gives each call the context of the request that it is made in, and sends what is queued before the server ends.

    `trusted_proxies` are the addresses and networks whose X-Forwarded-For is believed; by default none.
    Raises InvalidSetting for what is neither.
    """

    def __init__(self, app: App, trusted_proxies: Iterable[str] = ()) -> None:
        self._app = app
        self._proxies = TrustedProxies(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request, and once for the lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _draining(send))
        elif scope["type"] in ("http", "websocket"):
            with in_request(Request(_context(scope, self._proxies))):
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _draining(send: Send) -> Send:
    async def drain_and_send(message: MutableMapping[str, Any]) -> None:
        if message["type"] in _LAST:
            await asyncio.to_thread(drain_all)
        await send(message)

    return drain_and_send


def _context(scope: Scope, proxies: TrustedProxies) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def header(name: str) -> str | None:
        values = found.get(name.lower())
        return ", ".join(values) if values else None

    client = scope.get("client")
    path = scope.get("root_path", "") + scope["path"] if not _has_root(scope) else scope["path"]
    query = scope.get("query_string", b"").decode("latin-1")
    server = scope.get("server")
    host = header("Host") or (f"{server[0]}:{server[1]}" if server else None)
    url = f"{scope.get('scheme', 'http')}://{host}{quote(path)}{'?' if query else ''}{query}" if host else None
    return web_context(header, client[0] if client else None, proxies, url, path, query)


def _has_root(scope: Scope) -> bool:
    """Whether the path begins with the app's own root, as the specification wants it; some servers leave it out."""
    root = scope.get("root_path", "").rstrip("/")
    return bool(scope["path"] == root or scope["path"].startswith(f"{root}/"))
