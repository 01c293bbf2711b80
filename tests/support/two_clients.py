"""Segment's client and ours, to be put through the same."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from analytics_posthog._delivery import end
from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

NEVER = 1.5  # seconds after which a call counts as one that does not return


@dataclasses.dataclass(frozen=True)
class Kit:
    """One of the two clients, with what differs between them."""

    module: str
    ids: Callable[[PostHogServer], list[Any]]
    properties: Callable[[PostHogServer], list[dict[str, Any]]]

    @property
    def analytics(self) -> Any:
        return importlib.import_module(self.module)

    @contextlib.contextmanager
    def client(self, server: PostHogServer, **options: Any) -> Iterator[Any]:
        client = self.analytics.Client("phc_key", **{"host": server.url, **options})
        try:
            yield client
        finally:
            abandon(client)

    def abandoned(self, client: Any) -> None:
        """End a client that was made without `client()`, or that never had any threads."""
        with contextlib.suppress(Exception):
            abandon(client)

    @contextlib.contextmanager
    def module_with(self, server: PostHogServer, **settings: Any) -> Iterator[Any]:
        """The module with these settings, and put back afterwards."""
        analytics = self.analytics
        settings = {"write_key": "phc_key", "host": server.url, **settings}
        before = {name: getattr(analytics, name, None) for name in settings}
        for name, value in settings.items():
            setattr(analytics, name, value)
        try:
            yield analytics
        finally:
            if analytics.default_client is not None:
                abandon(analytics.default_client)
            analytics.default_client = None
            for name, value in before.items():
                setattr(analytics, name, value)


SEGMENT = Kit(
    "segment.analytics",
    lambda server: [message["userId"] for message in server.segment_messages],
    lambda server: [message["properties"] for message in server.segment_messages],
)
OURS = Kit(
    "analytics_posthog",
    lambda server: [event["distinct_id"] for event in server.events],
    lambda server: [event["properties"] for event in server.events],
)


def abandon(client: Any) -> None:
    """Ends a client's threads at once, whatever is still queued and whether or not its host answers."""
    end_quickly(client, 0)
    for consumer in client.consumers or ():
        consumer.pause()


def end_quickly(client: Any, seconds: float) -> None:
    """Shuts one of our clients down within so many seconds; does nothing with Segment's."""
    route = getattr(client, "_route", None)
    if route is not None:
        route.shutdown(seconds)
        end(client._life)


def threads_of(client: Any) -> list[threading.Thread]:
    """The sending threads of a client that are alive."""
    return [thread for thread in client.consumers or () if thread.is_alive()]


def returns(call: Callable[[], Any], within: float = NEVER) -> bool:
    """Whether a call returns in time; one that does not goes on in a daemon thread."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(within)
    return not thread.is_alive()


def child(script: str, kit: Kit, server: PostHogServer) -> str:
    """The output of a script that has `analytics`, configured, in a process of its own."""
    setup = f"import {kit.module} as analytics\nanalytics.write_key, analytics.host = 'phc_key', {server.url!r}\n"
    done = run_python("-c", setup + script, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def log_records() -> Iterator[list[str]]:
    """The text of all that is logged, with the loggers as they were afterwards."""
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("segment", "analytics_posthog", "posthog")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    logging.getLogger().addHandler(handler)
    try:
        yield texts
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers
