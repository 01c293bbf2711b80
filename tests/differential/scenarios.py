"""Both clients through the same settings, answers, changes, ends, subclasses and failures, with a real server."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import requests
import segment.analytics.request

import analytics_posthog.request
from tests.support.posthog_server import HANG, LOST, RESET, PostHogServer
from tests.support.two_clients import Kit

from .subclasses import SUBCLASSES

Run: TypeAlias = Callable[[Kit, PostHogServer], object]
API_ERRORS: Final = (segment.analytics.request.APIError, analytics_posthog.request.APIError)  # each module's own
LIMIT: Final = 4.0  # seconds after which a call counts as one that hangs
SOON: Final = 0.05  # seconds; the upload_interval where it isn't the point


class Scenario(NamedTuple):
    """`run` returns what a client did, as plain values."""

    name: str
    run: Run


def tried(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the name of what it raises; "hangs" if it doesn't return."""
    found: list[Any] = ["hangs"]

    def run() -> None:
        try:
            found[0] = call()
        except Exception as error:
            kinds = {AssertionError: "AssertionError", requests.RequestException: "RequestException"}
            kinds |= dict.fromkeys(API_ERRORS, "APIError")
            found[0] = "raises " + next((name for kind, name in kinds.items() if isinstance(error, kind)), "another")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return found[0]


def accepted(answer: Any) -> Any:
    """Return the first of a call's two answers."""
    return answer[0] if isinstance(answer, tuple) else answer


def arrived(kit: Kit, server: PostHogServer) -> list[str]:
    return sorted(map(str, kit.ids(server)))


class Errors:
    """An on_error that keeps what app code looks at."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, error: Exception, items: list[dict[str, Any]]) -> None:
        kinds = (isinstance(error, API_ERRORS), isinstance(error, requests.RequestException))
        self.seen.append((*kinds, getattr(error, "status", None), sorted(str(item.get("userId")) for item in items)))


def with_options(options: dict[str, Any], kit: Kit, server: PostHogServer) -> object:
    """Make a client, call, and flush."""
    options = {"host": server.url, "upload_interval": SOON, "max_retries": 0, **options}
    made: list[Any] = []

    def make() -> str:
        made.append(kit.analytics.Client(**{"write_key": "key", **options}))
        return "made"

    said = [tried(make)]
    if made:
        said.append(accepted(tried(lambda: made[0].track("u1", "Bought"))))
        tried(made[0].flush)
        kit.abandoned(made[0])
    return said, arrived(kit, server)


def with_settings(settings: dict[str, Any], kit: Kit, server: PostHogServer) -> object:
    """Set the module's settings, call, and flush."""
    with kit.module_with(server, **{"max_retries": 0, **settings}) as analytics:
        return (
            accepted(tried(lambda: analytics.track("u1", "Bought"))),
            tried(analytics.flush) == "hangs",
            arrived(kit, server),
        )


def answered(answer: Any, options: dict[str, Any], kit: Kit, server: PostHogServer) -> object:
    """Two calls, and a server that answers so."""
    server.answer = lambda _: answer
    errors = Errors()
    with kit.client(server, on_error=errors, upload_interval=SOON, max_retries=1, timeout=1, **options) as client:
        said = [accepted(tried(lambda: client.track("u1", "Bought")))]
        flushed = tried(client.flush)
        ended(client)
    return said, flushed == "hangs", [seen[:3] for seen in errors.seen]


def ended(client: Any, limit: float = LIMIT) -> None:
    """Wait until nothing is on its way any more."""
    end = time.monotonic() + limit
    while client.queue.unfinished_tasks and time.monotonic() < end:
        time.sleep(0.005)


def sequence(steps: tuple[str, ...], kit: Kit, server: PostHogServer) -> object:
    """Call methods of a client one after the other."""
    said: list[Any] = []
    with kit.client(server, upload_interval=SOON) as client:
        for number, step in enumerate(steps):
            if step == "track":
                said.append(accepted(tried(partial(client.track, f"u{number}", "Bought"))))
            else:
                said.append(tried(getattr(client, step)) in ("hangs", "raises another"))
        ended(client, limit=1)
        return said, arrived(kit, server)


def changed(name: str, value: Any, kit: Kit, server: PostHogServer) -> object:
    """Change a setting of a living client between two calls."""
    with PostHogServer() as other, kit.client(server, upload_interval=SOON, max_retries=0) as client:
        tried(partial(client.track, "u1", "Bought"))
        tried(client.flush)
        value = other.url if value == "another" else value
        said = tried(partial(setattr, client, name, value))
        said = said, accepted(tried(partial(client.track, "u2", "Bought")))
        tried(client.flush)
        ended(client)
        return said, arrived(kit, server), arrived(kit, other)


def subclass(make: Callable[[type], type], kit: Kit, server: PostHogServer) -> object:
    """Use a subclass as apps have them."""
    seen: list[Any] = []
    made = tried(lambda: make(kit.analytics.Client)("key", host=server.url, upload_interval=SOON))
    if isinstance(made, str):
        return made
    made.seen = seen
    said = [accepted(tried(partial(made.track, "u1", "Bought"))), accepted(tried(partial(made.track, None, "Bought")))]
    ended_as = tried(made.shutdown)
    kit.abandoned(made)
    return said, ended_as == "hangs", seen, arrived(kit, server)


def full_queue(size: int, kit: Kit, server: PostHogServer) -> object:
    """More calls than there is room for."""
    server.answer = lambda _: HANG
    with kit.client(server, max_queue_size=size, upload_interval=SOON, upload_size=1) as client:
        client.track("u0", "Bought")
        server.wait_for_requests(1)
        said = [accepted(tried(partial(client.track, f"u{number}", "Bought"))) for number in range(1, size + 3)]
        server.release()
        ended(client)
        return said, arrived(kit, server)


def faulty(answers: tuple[Any, ...], kit: Kit, server: PostHogServer) -> object:
    """A few bad answers, and then good ones."""
    left = iter(answers)
    server.answer = lambda _: next(left, None)
    errors = Errors()
    with kit.client(server, on_error=errors, upload_interval=SOON, max_retries=2, timeout=1) as client:
        for number in range(3):
            client.track(f"u{number}", "Bought")
        ended(client)
    return len(set(arrived(kit, server))), [seen[:3] for seen in errors.seen]


def many_threads(threads: int, kit: Kit, server: PostHogServer) -> object:
    """Threads call at the same time."""
    with kit.client(server, upload_interval=SOON) as client:

        def work(name: int) -> None:
            for number in range(50):
                client.track(f"{name}-{number}", "Bought")

        workers = [threading.Thread(target=work, args=[name]) for name in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        ended(client)
    return len(set(arrived(kit, server)))


OPTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "write_key": (None, "", 5, b"key"),
    "host": (None, "", 5, "no address", "ftp://127.0.0.1", "http://"),
    "debug": (0, 1, None),
    "max_queue_size": (0, -1, 1, 10**9),
    "send": (False, 0, None, 1, "no"),
    "on_error": (None, lambda *_: None),
    "gzip": (True, 1, None),
    "max_retries": (0, -1, 3),
    "timeout": (1, 0.5),
    "proxies": (None, {}, {"https": None}, {"https": "http://127.0.0.1:9"}),
    "thread": (1, 3),
    "upload_size": (1, 1000),
    "upload_interval": (0, 0.2),
    "log_handler": (None, logging.NullHandler()),
    "sync_mode": (True, 1, None),
    "oauth_scope": ("all", None),
}
BODY: Final = b'{"status":"Ok"}'  # of each; a 200 with another one is not PostHog's
STATUSES: Final = (200, 201, 202, 204, 400, 401, 403, 404, 408, 410, 413, 429, 460, 500, 501, 502, 503, 504, 505, 511)
CHANGES: Final = (
    *itertools.product(["send"], [False, True, 0]),
    *itertools.product(["sync_mode", "gzip", "debug"], [True, False]),
    ("host", "another"),
    ("timeout", 3),
    ("on_error", None),
    ("write_key", "other"),
    ("queue", "replaced"),
    ("consumers", []),
    ("something", 1),
)


def scenarios() -> Iterator[Scenario]:
    """Yield all of them."""
    for name, values in OPTIONS.items():
        for value in values:
            yield Scenario(f"Client({name}={_shown(value)})", partial(with_options, {name: value}))
            if name not in ("thread", "upload_size", "upload_interval", "proxies", "log_handler"):
                yield Scenario(f"analytics.{name} = {_shown(value)}", partial(with_settings, {name: value}))
    for status in STATUSES:
        for sync in (False, True):
            options = {"sync_mode": sync}
            yield Scenario(f"answer {status}, sync_mode {sync}", partial(answered, (status, {}, BODY), options))
    for answer in (RESET, LOST):
        yield Scenario(f"answer {answer}", partial(answered, answer, {}))
    dice = random.Random(5)
    for _ in range(30):
        steps = tuple(dice.choice(("track", "track", "flush", "join", "shutdown")) for _ in range(5))
        yield Scenario(" ".join(steps), partial(sequence, steps))
    for name, value in CHANGES:
        yield Scenario(f"client.{name} = {value!r}", partial(changed, name, value))
    for make in SUBCLASSES:
        yield Scenario(f"subclass {make.__name__}", partial(subclass, make))
    for size in (1, 2, 5):
        yield Scenario(f"{size + 2} calls, room for {size}", partial(full_queue, size))
    bad = (503, {}, b"{}")
    for answers in ((bad,), (RESET,), (LOST,), (bad, bad), (RESET, bad), (bad, bad, bad), (RESET, RESET, RESET)):
        said = [answer if isinstance(answer, str) else answer[0] for answer in answers]
        yield Scenario(f"answers {said}", partial(faulty, answers))
    for threads in (2, 8):
        yield Scenario(f"{threads} threads", partial(many_threads, threads))


def _shown(value: Any) -> str:
    return type(value).__name__ if callable(value) or isinstance(value, logging.Handler) else repr(value)
