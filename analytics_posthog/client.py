"""Segment's Client: the same signatures, defaults and answers; each call makes a message and hands it on to be delivered."""

from __future__ import annotations

import logging
import os
import queue
import signal
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from . import _settings
from ._delivery import (
    BeforeSend,
    Events,
    OnError,
    OnSuccess,
    PostHog,
    Report,
    Retries,
    log,
    log_call,
    on_signals,
    refusal,
    request_context,
)
from ._message import Answer, Calls, Message, Pass, complete
from ._outbox import Outbox, OutboxDirectory, ready
from ._segment import Both, Segment, SegmentSettings
from .errors import AnalyticsError, DeliveryError, InvalidMessage

if TYPE_CHECKING:
    from posthog import Posthog
    from typing_extensions import Self

FLUSH_TIMEOUT = 30.0  # seconds


class Client(Calls):
    """Takes Segment's calls and sends them to PostHog.

    The parameters are Segment's, in Segment's order; those after the `*` are ours. `write_key` is PostHog's project API key
    (phc_...); with "" nothing is sent. `host` is PostHog's address, by default its US cloud. With `segment_write_key` each
    message goes to Segment too, and flush, shutdown and exit wait for both sides. Durations are in seconds.
    Raises InvalidSetting, at once, for a setting that can't work.
    """

    class DefaultConfig:
        """What each setting is when it is left out."""

        write_key: str | None = None
        host: str | None = None
        on_error: OnError | None = None
        debug: bool = False
        log_handler: logging.Handler | None = None
        send: bool = True
        sync_mode: bool = False
        max_queue_size: int = 10000
        gzip: bool = False
        timeout: float = 15
        max_retries: int = 10
        max_total_backoff_duration: float = 43200
        max_rate_limit_duration: float = 1800
        proxies: Mapping[str, str] | None = None
        thread: int = 1
        upload_interval: float = 0.5
        upload_size: int = 100
        oauth_client_id: str | None = None
        oauth_client_key: str | None = None
        oauth_key_id: str | None = None
        oauth_auth_server: str = "https://oauth2.segment.io"
        oauth_scope: str = "tracking_api:write"
        group_type: str = "segment_group"
        person_profiles: str = "always"
        before_send: BeforeSend | None = None
        on_success: OnSuccess | None = None
        exit_timeout: float = 30
        block_when_full: float = 0
        outbox: str | os.PathLike[str] | None = None
        outbox_max_bytes: int = 256 * 1024 * 1024
        outbox_sync: str = "os"
        segment_write_key: str | None = None
        segment_host: str | None = None

    log: ClassVar[logging.Logger] = log
    _live: ClassVar[weakref.WeakValueDictionary[int, Client]] = weakref.WeakValueDictionary()  # by id, for captures in tests

    def __init__(
        self,
        write_key: str | None = DefaultConfig.write_key,
        host: str | None = DefaultConfig.host,
        debug: bool = DefaultConfig.debug,
        max_queue_size: int = DefaultConfig.max_queue_size,
        send: bool = DefaultConfig.send,
        on_error: OnError | None = DefaultConfig.on_error,
        gzip: bool = DefaultConfig.gzip,
        max_retries: int = DefaultConfig.max_retries,
        sync_mode: bool = DefaultConfig.sync_mode,
        timeout: float = DefaultConfig.timeout,
        proxies: Mapping[str, str] | None = DefaultConfig.proxies,
        thread: int = DefaultConfig.thread,
        upload_size: int = DefaultConfig.upload_size,
        upload_interval: float = DefaultConfig.upload_interval,
        log_handler: logging.Handler | None = DefaultConfig.log_handler,
        oauth_client_id: str | None = DefaultConfig.oauth_client_id,
        oauth_client_key: str | None = DefaultConfig.oauth_client_key,
        oauth_key_id: str | None = DefaultConfig.oauth_key_id,
        oauth_auth_server: str = DefaultConfig.oauth_auth_server,
        oauth_scope: str = DefaultConfig.oauth_scope,
        max_total_backoff_duration: float = DefaultConfig.max_total_backoff_duration,
        max_rate_limit_duration: float = DefaultConfig.max_rate_limit_duration,
        *,
        group_type: str = DefaultConfig.group_type,
        person_profiles: str = DefaultConfig.person_profiles,
        before_send: BeforeSend | None = DefaultConfig.before_send,
        on_success: OnSuccess | None = DefaultConfig.on_success,
        exit_timeout: float = DefaultConfig.exit_timeout,
        block_when_full: float = DefaultConfig.block_when_full,
        outbox: str | os.PathLike[str] | None = DefaultConfig.outbox,
        outbox_max_bytes: int = DefaultConfig.outbox_max_bytes,
        outbox_sync: str = DefaultConfig.outbox_sync,
        segment_write_key: str | None = DefaultConfig.segment_write_key,
        segment_host: str | None = DefaultConfig.segment_host,
    ) -> None:
        key = _settings.check_write_key(write_key)
        backoffs = {"max_total_backoff_duration": max_total_backoff_duration, "max_rate_limit_duration": max_rate_limit_duration}
        for name, number in backoffs.items():
            _settings.check_number(name, number)
        for name, number in (("upload_interval", upload_interval), ("exit_timeout", exit_timeout), ("block_when_full", block_when_full)):
            _settings.check_number(name, number, most=_settings.MAX_WAIT)
        _settings.check_number("timeout", timeout, most=_settings.MAX_WAIT, more=True)
        for name, number in (("max_queue_size", max_queue_size), ("max_retries", max_retries)):
            _settings.check_number(name, number, whole=True)
        for name, number in (("thread", thread), ("upload_size", upload_size), ("outbox_max_bytes", outbox_max_bytes)):
            _settings.check_number(name, number, least=1, whole=True)
        _settings.check_log_handler(log_handler)
        _settings.check_outbox(outbox, outbox_sync)
        callbacks = {"on_error": on_error, "on_success": on_success, "before_send": before_send}
        _settings.check_choices(callbacks, proxies, group_type, person_profiles)
        address = _settings.check_host(host)
        segment_key, segment_address = _settings.check_segment(segment_write_key, segment_host)
        directory = ready(outbox) if outbox is not None and send and key else None
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
        if not key:
            self._report.warn_once("write_key", "write_key is empty, so nothing is sent. Set it to the project API key (phc_...)")
        if oauth_client_id or oauth_client_key or oauth_key_id:
            self._report.warn_once("oauth", "the oauth settings are Segment's; PostHog has no such thing, the project API key is enough")
        retries = Retries(max_retries, max_total_backoff_duration, max_rate_limit_duration)
        segment = None
        if segment_key and send and key:
            segment = Segment(
                SegmentSettings(
                    segment_key,
                    segment_address,
                    sync_mode=bool(sync_mode),
                    max_queue_size=max_queue_size,
                    gzip=bool(gzip),
                    timeout=timeout,
                    retries=retries,
                    proxies=proxies or None,
                    upload_size=upload_size,
                    upload_interval=upload_interval,
                ),
                self._report,
            )
        here = PostHog(
            key,
            host=address,
            send=bool(send and key),
            sync_mode=bool(sync_mode),
            max_queue_size=max_queue_size,
            gzip=bool(gzip),
            timeout=timeout,
            retries=retries,
            proxies=proxies or None,
            thread=thread,
            upload_size=upload_size,
            upload_interval=upload_interval,
            events=Events(group_type=group_type, person_profiles=person_profiles, before_send=before_send or None, report=self._report),
            exit_timeout=exit_timeout,
            block_when_full=block_when_full,
            report=self._report,
        )
        taker: PostHog | Outbox = here
        if directory is not None:
            taker = Outbox(OutboxDirectory(directory, max_bytes=outbox_max_bytes, to_disk=outbox_sync == "disk"), here, self._report)
        # Only set in here, never read: the capture of a test that begins meanwhile would answer with its own.
        self._posthog = here
        self._delivery: PostHog | Outbox | Both = taker if segment is None else Both(taker, here, segment)
        Client._live[id(self)] = self

    def _log_to(self, handler: logging.Handler | None, debug: bool) -> None:
        """Log to `handler`, and in debug mode everything, if need be to standard error. Untouched without either."""
        if handler is not None:
            self.log.addHandler(handler)
        if debug:
            self.log.setLevel(logging.DEBUG)
            if not self.log.handlers:
                self.log.addHandler(logging.StreamHandler())

    @property
    def posthog(self) -> Posthog:
        """The official client inside, for feature flags and all that is PostHog's own."""
        return self._posthog.posthog

    @property
    def queue(self) -> queue.Queue[Any]:
        """The official client's queue. A forked child has a new one, so it isn't to be kept."""
        return self._posthog.posthog.queue

    @property
    def consumers(self) -> list[Any] | None:
        """The official client's threads; None in sync_mode."""
        return self._posthog.posthog.consumers

    def _enqueue(self, msg: Message) -> Answer:
        """Complete a message and hand it on; all six calls come through here, as in Segment's client."""
        done = Pass()
        tags = request_context()
        try:
            message = complete(msg if tags is None else {**msg, "posthog": tags}, done)
        except InvalidMessage as error:
            log_call(self.log, self.debug, {"type": msg["type"]}, error)
            raise
        try:
            if done.left_out:
                self._report.left_out(message["type"], done.left_out)
            reason = refusal(message)
            if reason is not None:
                if isinstance(self._delivery, Both):
                    self._delivery.refused(message)
                raise InvalidMessage(reason)
            kept_back = self._delivery.send(message, done.size)
        except DeliveryError as error:  # in sync_mode only, where Segment's client raises too
            log_call(self.log, self.debug, message, error)
            raise
        except AnalyticsError as error:
            return self._refuse(error, message)
        except Exception as error:  # before_send's own, which must not reach the app's request
            failure = AnalyticsError(f"{message['type']}: not sent, because {type(error).__name__} was raised. Check before_send")
            failure.__cause__ = error
            return self._refuse(failure, message)
        if self.debug:
            log_call(self.log, True, message, kept_back)
        return True, message

    def _refuse(self, error: AnalyticsError, message: Message) -> Answer:
        self._posthog.ledger.count("refused")
        self._report.refused(error, [message])
        log_call(self.log, self.debug, message, error)
        return False, message

    def stats(self) -> dict[str, int]:
        """Return how many messages were accepted, delivered, failed, refused and are queued, since the client was made.

        accepted = delivered + failed + queued; refused ones, which answered (False, message), stand beside.
        """
        return self._posthog.ledger.stats()

    def flush(self, timeout: float | None = None) -> bool:
        """Have everything sent that was called before; return whether all of it was dealt with, within `timeout` seconds (default 30).

        What PostHog refused was told to `on_error`, and counts as dealt with.
        """
        return self._delivery.flush(timeout if isinstance(timeout, (int, float)) and timeout == timeout else FLUSH_TIMEOUT)

    def join(self) -> None:
        """Send what is queued and end the threads: the same as shutdown()."""
        self.shutdown()

    def shutdown(self) -> None:
        """Send what is queued, for at most 30 seconds, and end the threads. Harmless twice. Later calls answer (False, message)."""
        self._delivery.shutdown(FLUSH_TIMEOUT)

    def drain(self) -> bool:
        """Send what is queued as at exit: for at most 30 seconds, and at most 3 without any progress; return whether all was."""
        return self._delivery.drain(FLUSH_TIMEOUT)

    def flush_on_signal(self, *signals: int) -> None:
        """On SIGTERM and SIGINT, or on these, send what is queued, and then do what was done on the signal before.

        Takes at most 30 seconds, and at most 3 without any progress; a second signal acts at once. Only in the main thread.
        """
        on_signals(self.drain, signals or (signal.SIGTERM, signal.SIGINT))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shutdown()
