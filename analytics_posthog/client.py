"""Segment's Client: the same signatures, defaults and answers. Each call makes a message and hands it to a delivery."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from ._changes import Changeable
from ._delivery import (
    KEPT_AWAY,
    SEND_IS_FALSE,
    WAS_SHUT_DOWN,
    Consumer,
    Delivery,
    Life,
    NotMade,
    Official,
    PostHog,
    Report,
    Route,
    Waiting,
    begin,
    drain_on_sigterm,
    log,
    log_call,
    note_call_site,
    notice_fork,
    raise_refusal,
    request_context,
    sends_for_its_parent,
)
from ._ending import Ending
from ._interrupts import is_interrupt
from ._message import TAGS, Answer, Calls, Message, Pass, complete
from ._outbox import Outbox, ready
from ._segment import Dual, pinned
from ._settings import BeforeSend, OnError, OnSuccess, Settings
from .convert import GroupType, wanted
from .errors import AnalyticsError, ClientShutDown, DeliveryError, InvalidMessage
from .utils import ID_TYPES, require, stringify_id

if TYPE_CHECKING:
    from posthog import Posthog


__all__ = ["ID_TYPES", "Client", "require", "stringify_id"]  # the last three are in Segment's module


class _Seam(Protocol):
    """What a test's capture answers in a client's place."""

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the settings for a client that is being made; it never sends."""
        ...

    def route(self, client: Client) -> Route:
        """Return the route that keeps a client's messages."""
        ...


class Client(Changeable, Ending, Calls):
    """Accepts Segment's calls and sends them to PostHog.

    The parameters are Segment's, in Segment's order; those after the `*` are ours. `write_key` is PostHog's project API
    key (phc_...); with "" nothing is sent. `host` is PostHog's address, by default its US cloud. Durations are in
    seconds. With `segment_write_key` each message goes to Segment too; flush, shutdown and exit wait for both sides.
    Raises InvalidSetting, at once, for a setting that can't work.
    """

    DefaultConfig: TypeAlias = Settings  # Segment's name for what each setting is when it is left out
    log: ClassVar[logging.Logger] = log
    debug: bool = False  # this, send and the route are for a subclass that doesn't call super().__init__()
    send: bool = True
    _route: Route = Route(NotMade(), Report(None))
    _seam: ClassVar[_Seam | None] = None  # set by a test's capture as long as it lasts

    def __init__(
        self,
        write_key: str | None = Settings.write_key,
        host: str | None = Settings.host,
        debug: bool = Settings.debug,
        max_queue_size: int = Settings.max_queue_size,
        send: bool = Settings.send,
        on_error: OnError | None = Settings.on_error,
        gzip: bool = Settings.gzip,
        max_retries: int = Settings.max_retries,
        sync_mode: bool = Settings.sync_mode,
        timeout: float = Settings.timeout,
        proxies: Mapping[str, str] | None = Settings.proxies,
        thread: int = Settings.thread,
        upload_size: int = Settings.upload_size,
        upload_interval: float = Settings.upload_interval,
        log_handler: logging.Handler | None = Settings.log_handler,
        oauth_client_id: str | None = Settings.oauth_client_id,
        oauth_client_key: str | None = Settings.oauth_client_key,
        oauth_key_id: str | None = Settings.oauth_key_id,
        oauth_auth_server: str = Settings.oauth_auth_server,
        oauth_scope: str = Settings.oauth_scope,
        max_total_backoff_duration: float = Settings.max_total_backoff_duration,
        max_rate_limit_duration: float = Settings.max_rate_limit_duration,
        *,
        group_type: GroupType = Settings.group_type,
        person_profiles: str = Settings.person_profiles,
        before_send: BeforeSend | None = Settings.before_send,
        on_success: OnSuccess | None = Settings.on_success,
        exit_timeout: float = Settings.exit_timeout,
        block_when_full: float = Settings.block_when_full,
        outbox: str | os.PathLike[str] | None = Settings.outbox,
        outbox_max_bytes: int = Settings.outbox_max_bytes,
        outbox_sync: str = Settings.outbox_sync,
        segment_write_key: str | None = Settings.segment_write_key,
        segment_host: str | None = Settings.segment_host,
    ) -> None:
        write_key, host = pinned("write_key", write_key), pinned("host", host)
        options = {name: value for name, value in locals().items() if name != "self"}
        seam = Client._seam
        self._was_captured = seam is not None
        self._settings = settings = Settings(**(options if seam is None else seam.options(options)))
        self._outbox = self._ready_outbox() if settings.sends else None
        self.write_key = write_key
        self.host = host
        self.on_error = on_error
        self.debug = debug
        self.send = send
        self.sync_mode = sync_mode
        self.gzip = gzip
        self.timeout = timeout
        self.proxies = proxies
        self.max_total_backoff_duration = max_total_backoff_duration
        self.max_rate_limit_duration = max_rate_limit_duration
        self._log_to(log_handler, debug)
        self._report = Report(on_error or None, on_success or None)
        self._warn_of_settings()
        self._official = Official(settings, self._report, self._drained)
        self._route = self._opened()
        self._of_parents: list[Route] = []
        self._life = Life(self._drain_within, self._hurry, self._at_exit, self._in_child)
        if settings.sends:
            self._begin()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._is_changed = cls._enqueue is not Client._enqueue

    def _changed(self, name: str) -> None:
        settings = self._settings
        self._report.on_error = settings.on_error or None
        if settings.sends and not self._is_sending and not self._was_captured and not self._route.closed:
            self._outbox = self._ready_outbox()
            self._route = self._opened()
            self._begin()

    def _ready_outbox(self) -> Path | None:
        return None if self._settings.outbox is None else ready(self._settings.outbox)

    def _begin(self) -> None:
        begin(self._life)
        drain_on_sigterm()

    def _log_to(self, handler: logging.Handler | None, debug: bool) -> None:
        """Log to `handler`, and in debug mode everything, if need be to standard error. Untouched without either."""
        if handler is not None:
            self.log.addHandler(handler)
        if debug:
            self.log.setLevel(logging.DEBUG)
            if not self.log.handlers:
                self.log.addHandler(logging.StreamHandler())

    def _warn_of_settings(self) -> None:
        settings = self._settings
        if not settings.key:
            text = "write_key is empty, so nothing is sent. Set it to the project API key (phc_...)"
            self._report.warn_once("write_key", text)
        if settings.oauth_client_id or settings.oauth_client_key or settings.oauth_key_id:
            text = "the oauth settings do nothing: PostHog needs the project API key alone. Remove them"
            self._report.warn_once("oauth", text)

    def _opened(self) -> Route:
        """Make the deliveries: PostHog, with the outbox and Segment's side around it if the settings ask for them."""
        settings, report = self._settings, self._report
        self._is_sending = settings.sends
        self._queue: Waiting[Any] = Waiting(settings.max_queue_size)
        self._consumers: list[Consumer] = []
        to_posthog = partial(PostHog, settings, report, self._official, self._queue, self._consumers)
        inner: Callable[[], Delivery] = partial(to_posthog, report.outcome)
        if self._outbox is not None:
            inner = partial(Outbox, settings, report, self._outbox, to_posthog, report.outcome)
        dual = settings.segment_key and settings.sends
        return Route(Dual(settings, report, inner) if dual else inner(), report)

    def _closed(self) -> Route:
        """Make a route for the child of a client that was shut down: new locks, and no thread."""
        settings, self._queue, self._consumers = replace(self._settings, send=False), Waiting(0), []
        arguments = (settings, self._report, self._official, self._queue, self._consumers, self._report.outcome)
        route = Route(PostHog(*arguments), self._report)
        route.closed = True
        return route

    def _in_child(self) -> None:
        """In a forked child, start with new deliveries: parent and child each send only their own messages."""
        # Kept: to end what the parent's threads were using would wait for their locks forever.
        self._of_parents.append(self._route)
        closed = self._route.closed
        unsent = [ticket.message for ticket in self._queue.queue] if sends_for_its_parent() else []
        self._report.reset()
        self._route = self._closed() if closed else self._opened()
        for message in unsent:
            try:
                self._route.delivery.send(message)
            except Exception as error:  # of a message that was accepted long ago; the call of now must not raise it
                why = f"{message['type']}: not sent by the first worker, because {type(error).__name__} was raised"
                self._report.refused(AnalyticsError(why), message)

    def _current(self) -> Route:
        notice_fork()
        seam = Client._seam  # read once: a capture may end meanwhile, in another thread
        return self._route if seam is None else seam.route(self)

    @property
    def posthog(self) -> Posthog:
        """The official client inside, for feature flags and all else that is PostHog's own."""
        return self._official.client()

    @property
    def queue(self) -> Waiting[Any]:
        """What is waiting to be sent. A forked child has a new one, so don't keep it."""
        return self._queue

    @property
    def consumers(self) -> list[Any] | None:
        """The threads that send; None in sync_mode."""
        return None if self._settings.sync_mode else self._consumers

    def _enqueue(self, msg: Message) -> Answer:
        """Complete a message and hand it on; all six calls come through here, as in Segment's client."""
        route = self._current()
        done = Pass()
        tags = request_context()
        try:
            message = complete(msg if tags is None else {**msg, TAGS: tags}, done, checked=self._is_changed)
        except InvalidMessage as error:
            log_call(self.log, self.debug, {"type": msg.get("type")}, error)
            raise
        if self.debug:
            note_call_site(self.host, message)
        try:
            why_not_sent = self._hand_over(route, message, done)
        except DeliveryError as error:  # in sync_mode only, where Segment's client raises too
            route.report.count("failed")
            log_call(self.log, self.debug, message, error)
            raise
        except AnalyticsError as error:
            return self._refused(route, error, message)
        except Exception as error:  # before_send's own, which must not reach the app's request
            if is_interrupt(error):
                raise
            text = f"{message['type']}: not sent, because {type(error).__name__} was raised. Check before_send"
            failure = AnalyticsError(text)
            failure.__cause__ = error
            return self._refused(route, failure, message)
        if self.debug:
            log_call(self.log, True, message, why_not_sent)
        return True, message

    def _hand_over(self, route: Route, message: Message, done: Pass) -> str:
        """Give a message to the delivery. Return why it is not to be sent, or ""."""
        if done.left_out:
            route.report.left_out(message["type"], done.left_out)
        if not self.send and route is self._route:
            raise_refusal(message)
            return SEND_IS_FALSE
        if route.closed and (self._settings.sends or route is not self._route):  # a capture takes what isn't sent, too
            raise_refusal(message)
            if not wanted(message):
                return KEPT_AWAY
            raise ClientShutDown(WAS_SHUT_DOWN)
        return route.delivery.send(message, done.size)

    def _refused(self, route: Route, error: AnalyticsError, message: Message) -> Answer:
        route.report.refused(error, message)
        log_call(self.log, self.debug, message, error)
        return False, message

    def stats(self) -> dict[str, int]:
        """Return how many messages were accepted, delivered, failed, refused and are queued, since the client was made.

        accepted = delivered + failed + queued. Refused ones, which answered (False, message), are counted apart.
        """
        return self._current().report.stats()
