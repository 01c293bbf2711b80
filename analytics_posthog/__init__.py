"""Segment's Python API, delivered to PostHog: `import analytics_posthog as analytics`, and every call stays.

The settings below are read when the first call makes the default client. Before it, set `write_key` to PostHog's
project API key and `host` to PostHog's address. The other settings are Segment's, with the meaning that `Client` gives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import fields
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from ._delivery import drain_on_sigterm, log, on_signals
from ._interrupts import held
from ._message import Answer, Fields, Id, Timestamp
from ._segment import install_as_segment, pinned
from ._settings import Settings, check_write_key
from .client import Client
from .errors import (
    AnalyticsError,
    ClientShutDown,
    DeliveryError,
    InstallRefused,
    InvalidMessage,
    InvalidSetting,
    MessageTooLarge,
    QueueFull,
    SegmentError,
)
from .version import VERSION

__all__ = [
    "VERSION",
    "AnalyticsError",
    "Client",
    "ClientShutDown",
    "DeliveryError",
    "InstallRefused",
    "InvalidMessage",
    "InvalidSetting",
    "MessageTooLarge",
    "QueueFull",
    "SegmentError",
    "aflush",
    "alias",
    "flush",
    "flush_on_signal",
    "group",
    "identify",
    "install_as_segment",
    "join",
    "page",
    "screen",
    "shutdown",
    "stats",
    "track",
]
__all__ += [  # what `from segment.analytics import *` brings beside them
    "debug",
    "default_client",
    "gzip",
    "host",
    "log_handler",
    "max_queue_size",
    "max_retries",
    "oauth_auth_server",
    "oauth_client_id",
    "oauth_client_key",
    "oauth_key_id",
    "oauth_scope",
    "on_error",
    "send",
    "sync_mode",
    "timeout",
    "write_key",
]

__version__ = VERSION

write_key = Settings.write_key
host = Settings.host
on_error = Settings.on_error
debug = Settings.debug
log_handler = Settings.log_handler
send = Settings.send
sync_mode = Settings.sync_mode
max_queue_size = Settings.max_queue_size
gzip = Settings.gzip
timeout = Settings.timeout
max_retries = Settings.max_retries
max_total_backoff_duration = Settings.max_total_backoff_duration
max_rate_limit_duration = Settings.max_rate_limit_duration
proxies = Settings.proxies
thread = Settings.thread
upload_interval = Settings.upload_interval
upload_size = Settings.upload_size
oauth_client_id = Settings.oauth_client_id
oauth_client_key = Settings.oauth_client_key
oauth_key_id = Settings.oauth_key_id
oauth_auth_server = Settings.oauth_auth_server
oauth_scope = Settings.oauth_scope
group_type = Settings.group_type
person_profiles = Settings.person_profiles
before_send = Settings.before_send
on_success = Settings.on_success
exit_timeout = Settings.exit_timeout
block_when_full = Settings.block_when_full
outbox = Settings.outbox
outbox_max_bytes = Settings.outbox_max_bytes
outbox_sync = Settings.outbox_sync
segment_write_key = Settings.segment_write_key
segment_host = Settings.segment_host

default_client: Client | None = None

_OPTIONS = tuple(setting.name for setting in fields(Settings))
_lock = threading.RLock()


def _client() -> Client:
    """Return the default client; the first call makes it."""
    global default_client
    client = default_client
    if client is None:
        with held(_lock):
            client = default_client
            if client is None:
                settings = globals()
                client = default_client = Client(**{name: settings[name] for name in _OPTIONS})
    return client


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # another thread may have held the lock while this one forked
    os.register_at_fork(after_in_child=_new_lock)


def track(
    user_id: Id | None = None,
    event: str | None = None,
    properties: Fields | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    anonymous_id: Id | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say what a user did; see Client.track."""
    return _client().track(user_id, event, properties, context, timestamp, anonymous_id, integrations, message_id)


def identify(
    user_id: Id | None = None,
    traits: Fields | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    anonymous_id: Id | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say who a user is; see Client.identify."""
    return _client().identify(user_id, traits, context, timestamp, anonymous_id, integrations, message_id)


def page(
    user_id: Id | None = None,
    category: str | None = None,
    name: str | None = None,
    properties: Fields | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    anonymous_id: Id | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say which page a user saw; see Client.page."""
    return _client().page(
        user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id
    )


def screen(
    user_id: Id | None = None,
    category: str | None = None,
    name: str | None = None,
    properties: Fields | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    anonymous_id: Id | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say which screen of an app a user saw; see Client.screen."""
    return _client().screen(
        user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id
    )


def alias(
    previous_id: Id | None = None,
    user_id: Id | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say that two ids are one user's; see Client.alias."""
    return _client().alias(previous_id, user_id, context, timestamp, integrations, message_id)


def group(
    user_id: Id | None = None,
    group_id: Id | None = None,
    traits: Fields | None = None,
    context: Fields | None = None,
    timestamp: Timestamp | None = None,
    anonymous_id: Id | None = None,
    integrations: Fields | None = None,
    message_id: Id | None = None,
) -> Answer:
    """Say which group a user belongs to; see Client.group."""
    return _client().group(user_id, group_id, traits, context, timestamp, anonymous_id, integrations, message_id)


def flush(timeout: float | None = None) -> bool:
    """Have all earlier calls sent. Return whether all are settled within `timeout` seconds (default 30)."""
    return _client().flush(timeout)


async def aflush(timeout: float | None = None) -> bool:
    """Do what `flush` does, and let the event loop go on meanwhile."""
    return await _client().aflush(timeout)


def join() -> None:
    """Send what is queued and end the threads: the same as shutdown()."""
    shutdown()


def shutdown() -> None:
    """Send what is queued, for at most 30 seconds, and forget the default client; a later call makes a new one."""
    global default_client
    with held(_lock):
        client, default_client = default_client, None
    if client is not None:
        client.shutdown()
    else:
        check_write_key(write_key)  # raises without one, as in Segment's module


def stats() -> dict[str, int]:
    """Return how many messages were accepted, delivered, failed, refused and are queued; see Client.stats."""
    return _client().stats()


def flush_on_signal(*signals: int) -> None:
    """On SIGTERM and SIGINT, or on these signals, send what is queued, then act as before; see Client."""

    def drain() -> None:
        if default_client is not None:
            default_client.drain()

    on_signals(drain, signals or (signal.SIGTERM, signal.SIGINT))


class _Module(ModuleType):
    """This module: warns of a name that is no setting, which would change nothing."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in vars(self) and not isinstance(value, ModuleType):
            nearest = get_close_matches(name, _OPTIONS, 1)
            meant = f" Did you mean {nearest[0]}?" if nearest else " Remove it."
            log.warning("%s is no setting of analytics_posthog, so it changes nothing.%s", name, meant)
        super().__setattr__(name, pinned(name, value))
        if name == "write_key":  # at the start, in the main thread; the first call may come in another one
            drain_on_sigterm()


sys.modules[__name__].__class__ = _Module
