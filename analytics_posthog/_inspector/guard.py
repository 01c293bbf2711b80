"""Keeps other websites out of the inspector: an ASGI middleware before all of it.

A page on the web can make a browser send requests to this machine. So a request must name an address of this machine as its
Host (against DNS rebinding), must not come from another site's page, and no answer may be read by one: there is no CORS.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NEVER_OUTSIDE: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses with 403 what comes from elsewhere, and says in every answer what a browser may do with it."""

    def __init__(self, app: ASGIApp, *, remote: bool) -> None:
        self._app = app
        self._remote = remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_NEVER_OUTSIDE)
            await send(message)

        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if scope["type"] != "http":
            return
        if not is_here(headers.get("host", ""), self._remote):
            why = "this Host is not an address of the inspector's machine"
        elif origin is not None and not is_here(_authority(origin), self._remote):
            why = "requests from other websites are not taken"
        else:
            await self._app(scope, receive, guarded)
            return
        await JSONResponse({"type": "validation_error", "detail": why}, 403)(scope, receive, guarded)


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def is_here(authority: str, remote: bool) -> bool:
    """Whether an authority (`name:port`) surely means this machine: whoever owns a name on the web can point it here.

    With `remote`, also any address, this machine's name, and names without a dot, such as a container's.
    """
    try:
        name = (urlsplit(f"//{authority}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        own = name in (socket.gethostname().lower(), "host.docker.internal")
        return remote and name != "" and (own or "." not in name)
    return remote or address.is_loopback
