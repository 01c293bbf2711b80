"""The inspector as an ASGI app: PostHog's capture endpoints for the app, and the page that shows its events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .._delivery import CALL_SITES, Forward
from ..convert import Event
from .api import Wrong, events_of, person
from .body import MAX_BODY, Refused, read_events
from .explain import explain
from .guard import Guard, Reach
from .query import search
from .store import MOST_EVENTS, Kept, Store
from .stream import Feed

_CAPTURE: Final = ("/batch", "/capture", "/e", "/track", "/i/v0/e", "/i/v0/ai/batch")
_CAPTURE_V1: Final = "/i/v1/analytics/events"
_FLAGS: Final = ("/flags", "/decide")
_DEFINITIONS: Final = ("/api/feature_flag/local_evaluation", "/flags/definitions")
_NO_FLAGS: Final[dict[str, object]] = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
}
_NO_DEFINITIONS: Final[dict[str, object]] = {"flags": [], "group_type_mapping": {}, "cohorts": {}}
_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in ("page", "list", "detail", "plot", "totals")},
}
_PAGE: Final = Path(__file__).parent / "page"
_FROM_THE_PAGE: Final = "x-inspector"  # no form and no simple request from another page can have this header
LONGEST_PLACE: Final = 500  # characters
_AT_ONCE: Final = 256 * 1024  # bytes of JSON that are read without a thread; more would hold up the page
_MOST_REASONS: Final = 50  # that are counted one by one
_AT_A_TIME: Final = 200  # events that are kept before others have their turn
_GZIP: Final = b"\x1f"  # how a zipped body begins
_MOST_DIGITS: Final = 15  # of an event's number


class Inspector:
    """The app's state: the kept events, the PostHog that they are forwarded to, and the open pages."""

    def __init__(
        self,
        *,
        forward: Forward | None = None,
        show: Callable[[Kept], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """`show` is called with each event, `say` with a line about each failure; neither may wait."""
        self.store = Store()
        self.feed = Feed(self.store)
        self._forward = forward
        self._show = show
        self._say = say or _nothing

    def asgi(self, reach: Reach) -> Starlette:
        """Return the ASGI app, for requests that name this machine so."""
        captures = [path + end for path in (*_CAPTURE, _CAPTURE_V1) for end in ("", "/")]
        routes = [_file_route(path, name, kind) for path, (name, kind) in _FILES.items()]
        routes += [Route(path, self._capture, methods=["POST"]) for path in captures]
        for path in (*_FLAGS, *_DEFINITIONS):
            routes += [Route(path + end, self._flags, methods=["POST", "GET"]) for end in ("", "/")]
        routes += [
            Route("/inspector/stream", self._stream),
            Route("/inspector/events/{number}", self._event),
            Route("/inspector/search", self._search),
            Route("/inspector/person", self._person),
            Route("/api/events", self._api),
            Route("/inspector/clear", self._clear, methods=["POST"]),
        ]
        guard = Middleware(Guard, reach=reach, open_to=frozenset(captures), on_refused=self._count_stranger)
        return Starlette(routes=routes, middleware=[guard])

    async def _capture(self, request: Request) -> Response:
        is_v1 = request.url.path.startswith(_CAPTURE_V1)
        refused: Refused | None = None
        body = None
        try:
            body = await _body(request)
            events = await _events(request, body, is_v1)
        except Refused as error:
            refused, events = error, error.events
        is_forwarded = body is not None and self._forward is not None
        if refused is not None:
            self._count_refused(refused, is_forwarded=is_forwarded)
            if not is_forwarded:
                return _refusal(refused)
        answer, note = await self._forwarded_answer(request, body or b"", refused)
        if answer is not None:
            counts, status = self.feed.forwarded, str(answer.status_code)
            counts[status] = counts.get(status, 0) + 1
        now, places = time.time(), _places(request)
        for number, event in enumerate(events):
            if number % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)  # other requests, and the page, don't wait for a large batch
            place = places.get(str(event.get("uuid")), "")
            self._show_line(self.store.add(event, now, note, place))
        if answer is not None:
            return answer
        if is_v1:
            return JSONResponse({"results": {str(event.get("uuid")): {"result": "ok"} for event in events}})
        return JSONResponse({"status": 1})

    def _count_refused(self, error: Refused, *, is_forwarded: bool) -> None:
        words = f"forwarded, though PostHog may refuse it: {error}" if is_forwarded else f"refused: {error}"
        self.feed.refused[words] = self.feed.refused.get(words, 0) + 1
        self._say(f"analytics-posthog: a request was {words} ({error.status})")

    def _count_stranger(self, why: str) -> None:
        """Count a request that the guard has refused, and say so once."""
        refused = self.feed.refused
        if why not in refused and len(refused) >= _MOST_REASONS:
            return
        if why not in refused:
            self._say(f"analytics-posthog: a request was refused: {why}")
        refused[why] = refused.get(why, 0) + 1

    def _show_line(self, kept: Kept) -> None:
        """Show an event that is kept already. An error in its line must not reach the app."""
        if self._show is None:
            return
        try:
            self._show(kept)
        except Exception as error:
            self._say(f"analytics-posthog: event {kept.number} has no line ({type(error).__name__}); the page has it")

    async def _forwarded_answer(
        self, request: Request, body: bytes, refused: Refused | None = None
    ) -> tuple[Response | None, str]:
        """Forward a request if that is wanted. Return PostHog's answer, and a warning if it refused or should have."""
        if self._forward is None:
            return None, ""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await asyncio.to_thread(self._forward.send, request.method, path, body, dict(request.headers))
        notes = [f"its request has what PostHog refuses: {refused}"] if refused is not None else []
        if not answer.taken:
            why = f"PostHog's answer was {answer.status}, so the app's client may send it again"
            notes.append(f"forwarded, but not taken: {why}")
        return Response(answer.body, answer.status, answer.headers), "; ".join(notes)

    async def _flags(self, request: Request) -> Response:
        """Answer about flags as PostHog does. Without forwarding there are no flags."""
        try:
            body = await _body(request)
        except Refused as error:
            return _refusal(error)
        answer, _ = await self._forwarded_answer(request, body)
        return answer or JSONResponse(_NO_FLAGS if request.url.path.rstrip("/") in _FLAGS else _NO_DEFINITIONS)

    async def _stream(self, request: Request) -> Response:
        last_id = request.headers.get("last-event-id", "")
        return StreamingResponse(self.feed.listen(last_id), media_type="text/event-stream")

    async def _event(self, request: Request) -> Response:
        number = _number(request.path_params["number"])
        kept = None if number is None else self.store.get(number)
        if kept is None:
            return JSONResponse({"detail": "no longer kept"}, 404)
        if len(kept.text) <= _AT_ONCE:
            return JSONResponse(_explained(kept))
        return JSONResponse(await asyncio.to_thread(_explained, kept))

    async def _search(self, request: Request) -> Response:
        text, after = request.query_params.get("text", ""), request.query_params.get("after", "0")
        start = _number(after)
        if start is None:
            return JSONResponse({"detail": "after must be an event's number"}, 400)
        events = self.store.after(start, MOST_EVENTS)
        found = await asyncio.to_thread(search, events, text)
        return JSONResponse({"found": found, "last": events[-1].number if events else start})

    async def _person(self, request: Request) -> Response:
        kept = self.store.after(0, MOST_EVENTS)
        found = await asyncio.to_thread(person, kept, request.query_params.get("id", ""))
        return JSONResponse({"detail": "nobody has this id"}, 404) if found is None else JSONResponse(found)

    async def _api(self, request: Request) -> Response:
        start = _number(request.query_params.get("after", "0"))
        if start is None:
            return JSONResponse({"detail": "after must be an event's number"}, 400)
        kept = self.store.after(start, MOST_EVENTS)
        try:
            return JSONResponse(await asyncio.to_thread(events_of, kept, dict(request.query_params)))
        except Wrong as error:
            return JSONResponse({"detail": str(error)}, 400)

    async def _clear(self, request: Request) -> Response:
        if _FROM_THE_PAGE not in request.headers:
            return JSONResponse({"detail": "only the page may do this"}, 403)
        self.store.clear()
        return JSONResponse({"status": 1})


def _number(text: str) -> int | None:
    """Return an event's number; None for what none can be."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS else None


def _nothing(line: str) -> None:
    pass


def _explained(kept: Kept) -> dict[str, Any]:
    summary = kept.summary
    found = explain(json.loads(kept.text), summary.size, again=summary.again, note=summary.note)
    return {**found, "place": summary.place}


def _file_route(path: str, name: str, kind: str) -> Route:
    async def file(request: Request) -> Response:
        return FileResponse(_PAGE / name, media_type=kind)

    return Route(path, file)


async def _events(request: Request, body: bytes, is_v1: bool) -> list[Event]:
    """Return a request's events. Raises Refused."""
    encoding, has_key = request.headers.get("content-encoding", ""), is_v1 and "authorization" in request.headers
    if len(body) <= _AT_ONCE and not encoding and body[:1] != _GZIP:
        return read_events(body, encoding, has_key=has_key)
    return await asyncio.to_thread(read_events, body, encoding, has_key=has_key)


def _places(request: Request) -> dict[str, str]:
    """Return where in the app's code the calls were made, by the events' uuids, if the app's client says so."""
    try:
        found = json.loads(request.headers.get(CALL_SITES, "{}"))
    except (ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {uuid: place[:LONGEST_PLACE] for uuid, place in pairs if isinstance(place, str)}


def _refusal(error: Refused) -> Response:
    return JSONResponse({"type": "validation_error", "code": "invalid_payload", "detail": str(error)}, error.status)


async def _body(request: Request) -> bytes:
    """Return a request's body. Raises Refused as soon as it is too large, without reading the rest."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MAX_BODY:
        raise Refused(413, "over 20 MiB")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY:
                raise Refused(413, "over 20 MiB")
            parts.append(part)
    except ClientDisconnect as error:
        raise Refused(400, "the client hung up") from error
    return b"".join(parts)
