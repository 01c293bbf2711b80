"""For WSGI: Flask, Bottle, Django under WSGI, and the rest.

app.wsgi_app = AnalyticsMiddleware(app.wsgi_app, trusted_proxies=["10.0.0.0/8"])   # Flask
app = AnalyticsMiddleware(app)                                                     # Bottle and others
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias
from urllib.parse import quote

from .._message import Request, in_request
from .proxies import TrustedProxies
from .web import web_context

App: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AnalyticsMiddleware:
    """Gives each call the context of the request that it is made in, until its response is closed.

    `trusted_proxies` are the addresses and networks whose X-Forwarded-For is believed; by default none.
    Raises InvalidSetting for what is neither.
    """

    def __init__(self, app: App, trusted_proxies: Iterable[str] = ()) -> None:
        self._app = app
        self._proxies = TrustedProxies(trusted_proxies)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Called by the server for each request."""
        request = Request(_context(environ, self._proxies))
        with in_request(request):
            response = self._app(environ, start_response)
        if isinstance(response, (list, tuple, environ.get("wsgi.file_wrapper", tuple))):
            return response  # nothing more is called; and a server may send a file by itself
        return _Response(response, request)


class _Response:
    def __init__(self, response: Iterable[bytes], request: Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with in_request(self._request):
            parts = iter(self._response)
        while True:
            with in_request(self._request):  # not longer: the server's thread may turn to something else meanwhile
                try:
                    part = next(parts)
                except StopIteration:
                    return
            yield part

    def close(self) -> None:
        """Called by the server at the end."""
        close = getattr(self._response, "close", None)
        if close is not None:
            with in_request(self._request):
                close()


def _context(environ: dict[str, Any], proxies: TrustedProxies) -> dict[str, Any]:
    def header(name: str) -> str | None:
        value: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        return value

    # WSGI has a path's bytes as latin-1; nearly all are UTF-8.
    raw = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1", "replace")
    query = environ.get("QUERY_STRING", "")
    host = header("Host") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
    url = f"{environ.get('wsgi.url_scheme', 'http')}://{host}{quote(raw)}{'?' if query else ''}{query}"
    return web_context(header, environ.get("REMOTE_ADDR"), proxies, url, raw.decode("utf-8", "replace"), query)
