"""Keeps other websites out of the inspector: an ASGI middleware in front of all its routes.

A page on the web, or on another port of this machine, can make a browser send requests here. So a request's Host must
be this machine (against DNS rebinding), and it must not come from any page but the inspector's own. There is no CORS,
so no other page can read an answer. An app's client is not a browser: it sends neither Origin nor Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .._delivery import is_loopback

_LONGEST_NAME: Final = 100  # characters
_NEVER_OUTSIDE: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Reach(NamedTuple):
    """How requests may name this machine: beside loopback by its addresses too (`remote`), and by further `hosts`."""

    remote: bool = False
    hosts: tuple[str, ...] = ()


class Guard:
    """Refuses requests from elsewhere with 403, and says to the browser in every answer what it may do with it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        reach: Reach,
        open_to: frozenset[str] = frozenset(),
        on_refused: Callable[[str], None] | None = None,
    ) -> None:
        """`open_to`: paths that also take a request whose Sec-Fetch-Site names another site, if it has no Origin.
        `on_refused` is called with the reason, and what lets the request in.
        """
        self._app = app
        self._remote = reach.remote
        self._hosts = frozenset(host.lower() for host in reach.hosts)
        self._open_to = open_to
        self._on_refused = on_refused or (lambda why: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_NEVER_OUTSIDE)
            await send(message)

        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host", "")
        if scope["type"] != "http":
            return
        if not is_here(host, self._remote) and _name(host) not in self._hosts:
            why = "this Host is not an address of the inspector's machine"
            self._on_refused(f"its Host is {_shown(_name(host))}. If that is this machine: --allow-host NAME")
        elif (origin is not None and _authority(origin) != host.lower()) or self._is_of_another_site(
            scope["path"], headers
        ):
            why = "requests from other websites are not taken"
            self._on_refused("it came from another website")
        else:
            await self._app(scope, receive, guarded)
            return
        await JSONResponse({"type": "validation_error", "detail": why}, 403)(scope, receive, guarded)

    def _is_of_another_site(self, path: str, headers: Headers) -> bool:
        return path not in self._open_to and headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(authority: str) -> str:
    """Return the name of `name:port`, in lower case; "" if there is none."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _shown(name: str) -> str:
    """Return a name for a person: cut, and without what a terminal takes for a command."""
    return "".join(c if c.isalnum() or c in "-._:" else "?" for c in name[:_LONGEST_NAME]) or "empty"


def is_here(authority: str, remote: bool) -> bool:
    """Whether an authority (`name:port`) certainly means this machine. Any name on the web can point here.

    With `remote`, any address, this machine's name, and names without a dot, such as a container's, are allowed too.
    """
    name = _name(authority)
    if not remote:
        return is_loopback(f"http://[{name}]" if ":" in name else f"http://{name}")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = name in (socket.gethostname().lower(), "host.docker.internal")
        return name != "" and (own or "." not in name)
    return True
