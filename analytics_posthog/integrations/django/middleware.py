"""The middleware, for sync and async Django."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import DisallowedHost

from ..._message import Request, in_request
from ..web import web_context
from . import configuration


class AnalyticsMiddleware:
    """Gives each call the context of the request that it is made in: ip, userAgent, locale and page.

    With `identify_users` in ANALYTICS_POSTHOG, a call without user_id and anonymous_id has the id of who is signed in;
    put the middleware after Django's AuthenticationMiddleware then.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        found = configuration.read()
        self._proxies = found.trusted_proxies
        self._identifies = found.identify_users
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Called by Django for each request."""
        if self._is_async:
            return self._answer(request)
        user_id = (lambda: _id_of(request.user)) if self._identifies and hasattr(request, "user") else None
        with in_request(Request(self._context(request), user_id)):
            return self._get_response(request)

    async def _answer(self, request: Any) -> Any:
        user_id = None
        if self._identifies and hasattr(request, "auser"):
            found = _id_of(await request.auser())  # now, because a call can't wait for the database
            user_id = lambda: found  # noqa: E731
        with in_request(Request(self._context(request), user_id)):
            return await self._get_response(request)

    def _context(self, request: Any) -> dict[str, Any]:
        try:
            url = request.build_absolute_uri()
        except DisallowedHost:
            url = None
        query = request.META.get("QUERY_STRING", "")
        return web_context(
            request.headers.get, request.META.get("REMOTE_ADDR"), self._proxies, url, request.path, query
        )


def _id_of(user: Any) -> Any:
    """Return the id of a signed-in user, as text; None for an anonymous one."""
    return str(user.pk) if getattr(user, "is_authenticated", False) else None
