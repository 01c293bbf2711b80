"""What a web request adds to each call that is made in it: Segment's context, and who is signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple


class Request(NamedTuple):
    """`context` has Segment's fields. `user_id()`, if there is one, returns the id of who is signed in, or None."""

    context: dict[str, Any]
    user_id: Callable[[], Any] | None = None

    def added_to(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a call's message with this added. What the call itself gives wins, key by key, also in `page`."""
        given = message["context"]
        if not isinstance(given, dict):
            return message  # it is about to be refused
        context = {**self.context, **given}
        page = given.get("page")
        if isinstance(page, dict) and "page" in self.context:
            context["page"] = {**self.context["page"], **page}
        filled = {**message, "context": context}
        if self.user_id is not None and message["type"] != "alias" and not _has_id(message):
            filled["userId"] = self.user_id()
        return filled


_current: Final[ContextVar[Request | None]] = ContextVar("analytics_posthog_request", default=None)
current_request: Final = _current.get


@contextmanager
def in_request(request: Request | None) -> Iterator[None]:
    """Add `request` to the calls made in this block, in the tasks that it starts, and in threads with its context."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


def _has_id(message: dict[str, Any]) -> bool:
    # As Segment's calls, which pass over a blank id.
    return any(message[field] is not None and message[field] != "" for field in ("userId", "anonymousId"))
