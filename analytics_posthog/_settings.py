"""Checks settings when a client is made, so that what can't work says so at the first call and not in production's logs."""

from __future__ import annotations

from collections.abc import Mapping
from logging import Handler
from math import inf
from os import PathLike
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import InvalidSetting

_HOSTS: Final = "https://us.i.posthog.com, https://eu.i.posthog.com or your own PostHog's"
_SEGMENT: Final = "https://api.segment.io"
MAX_WAIT: Final = 1e6  # seconds; the system's own clocks and sockets take no more than some times that
OUTBOX_SYNCS: Final = ("os", "disk")  # survives the process; survives the power
PERSON_PROFILES: Final = ("always", "identified_only")


def check_write_key(write_key: Any) -> str:
    """Return the key without blanks around it; "" means that nothing is to be sent. Raises InvalidSetting."""
    if not isinstance(write_key, str):
        raise InvalidSetting(
            f"write_key must be your PostHog project API key (phc_...), got {'None' if write_key is None else type(write_key).__name__}. "
            "Find it in PostHog under Settings > Project > General, and set analytics.write_key before the first call"
        )
    key = write_key.strip()
    if key.startswith("phx_"):
        raise InvalidSetting(
            "write_key is a personal API key (phx_...), which can't capture events. Take the project API key (phc_...) "
            f"from Settings > Project > General in PostHog, and set host to {_HOSTS}"
        )
    return key


def check_host(host: Any) -> str | None:
    """Return the host without blanks and slashes at its end; None, PostHog's US cloud, if there is none. Raises InvalidSetting."""
    if host is None or host == "":
        return None
    if not isinstance(host, str):
        raise InvalidSetting(f"host must be a string such as {_HOSTS}, got {type(host).__name__}")
    address: str = host.strip().rstrip("/")
    name = _host_name(address)
    if not name:
        raise InvalidSetting(f"host must be a URL with its scheme, such as {_HOSTS}")
    if name == "api.segment.io" or name == "segmentapis.com" or name.endswith(".segmentapis.com"):
        raise InvalidSetting(f"host is Segment's. Events go to PostHog now: set host to {_HOSTS}")
    return address


def _host_name(address: str) -> str:
    """Return the name of the machine in a URL; "" if that is no URL that requests can be sent to."""
    try:
        parts = urlsplit(address)
        name = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return ""
    usable = parts.scheme in ("http", "https") and not parts.query and not parts.fragment and address.split() == [address]
    return name if usable else ""


def check_segment(write_key: Any, host: Any) -> tuple[str, str | None]:
    """Return Segment's key, "" for no dual running, and its host, None for Segment's own default. Raises InvalidSetting."""
    if write_key is not None and not isinstance(write_key, str):
        raise InvalidSetting(f"segment_write_key must be the write key of your source in Segment, got {type(write_key).__name__}")
    key = (write_key or "").strip()
    if key.startswith(("phc_", "phx_")):
        raise InvalidSetting(
            "segment_write_key is PostHog's. Set it to the write key of your source in Segment, and write_key to PostHog's"
        )
    if host is None or host == "":
        return key, None
    if not isinstance(host, str):
        raise InvalidSetting(f"segment_host must be a string such as {_SEGMENT}, got {type(host).__name__}")
    address: str = host.strip().rstrip("/")
    name = _host_name(address)
    if not name:
        raise InvalidSetting(f"segment_host must be a URL with its scheme, such as {_SEGMENT}")
    if name == "posthog.com" or name.endswith(".posthog.com"):
        raise InvalidSetting(f"segment_host is PostHog's, which host is for. Leave it out, or set it to Segment's, such as {_SEGMENT}")
    return key, address


def check_number(name: str, value: Any, *, least: float = 0, most: float = inf, whole: bool = False, more: bool = False) -> None:
    """Raise InvalidSetting unless the value is a number of at least `least`, more than it if `more`, and at most `most`."""
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not (value > least if more else value >= least) or value > most:
        what = "a whole number" if whole else "a number"
        limits = f"{'above' if more else 'from'} {least}" + (f" to {most:.0f}" if most < inf else "")
        shown = repr(value) if isinstance(value, (int, float)) else type(value).__name__
        raise InvalidSetting(f"{name} must be {what} {limits}, got {shown}")


def check_choices(callbacks: Mapping[str, Any], proxies: Any, group_type: Any, person_profiles: Any) -> None:
    """Raise InvalidSetting for one of these that can't be used as what it is for."""
    for name, value in callbacks.items():
        if value and not callable(value):
            raise InvalidSetting(f"{name} must be a function, got {type(value).__name__}")
    if proxies and not (isinstance(proxies, Mapping) and all(isinstance(proxy, str) for proxy in proxies.values())):
        raise InvalidSetting(f"proxies must be a dict such as {{'https': 'http://proxy:3128'}}, got {type(proxies).__name__}")
    if not isinstance(group_type, str) or not group_type.strip():
        raise InvalidSetting("group_type must be the name of a group type in PostHog, such as 'company'")
    if person_profiles not in PERSON_PROFILES:
        raise InvalidSetting(f"person_profiles must be one of {', '.join(map(repr, PERSON_PROFILES))}")


def check_log_handler(handler: Any) -> None:
    """Raise InvalidSetting for a log handler that is none."""
    if handler is not None and not isinstance(handler, Handler):
        raise InvalidSetting(f"log_handler must be a logging.Handler, got {type(handler).__name__}")


def check_outbox(outbox: Any, outbox_sync: Any) -> None:
    """Raise InvalidSetting for an outbox that is no path, or a sync that is neither of the two."""
    if outbox is not None and (not isinstance(outbox, (str, PathLike)) or outbox == ""):
        raise InvalidSetting(f"outbox must be the path of a directory, got {type(outbox).__name__ if outbox else 'an empty string'}")
    if outbox_sync not in OUTBOX_SYNCS:
        raise InvalidSetting(f"outbox_sync must be one of {', '.join(map(repr, OUTBOX_SYNCS))}")
