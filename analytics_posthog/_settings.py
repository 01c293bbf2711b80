"""The settings, each declared once: its name, type, default and check.

`Client`'s parameters and the module's variables are held to this file by tests. The text below a setting says what it
does; docs/settings.md is made from it. A setting that can't work raises InvalidSetting when the client is made, not
later in production.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields
from logging import Handler
from math import inf
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from .convert import SEGMENT_GROUP, GroupType
from .errors import InvalidSetting

OnError: TypeAlias = Callable[[Exception, list[dict[str, Any]]], Any]
OnSuccess: TypeAlias = Callable[[list[dict[str, Any]]], Any]
BeforeSend: TypeAlias = Callable[[dict[str, Any]], "dict[str, Any] | None"]

MAX_WAIT: Final = 1e6  # seconds; clocks and sockets of the system accept no more than a few times this
OUTBOX_SYNCS: Final = ("os", "disk")  # "os" survives the end of the process, "disk" also a power cut
# The commands read these from the environment, and `migrate` writes them into an app's code.
KEY_VARIABLE: Final = "POSTHOG_PROJECT_API_KEY"
HOST_VARIABLE: Final = "POSTHOG_HOST"
PERSON_PROFILES: Final = ("always", "identified_only")
_HOSTS: Final = "https://us.i.posthog.com, https://eu.i.posthog.com or your own PostHog's"
_SEGMENT: Final = "https://api.segment.io"


class Retries(NamedTuple):
    """How long a batch is tried; Segment's settings of the same names. Durations are in seconds."""

    max_retries: int
    max_total_backoff_duration: float
    max_rate_limit_duration: float
    pages: bool = True  # whether an answer of 200 that isn't PostHog's is a reason to try again


def check_number(
    name: str, value: Any, *, least: float = 0, most: float = inf, whole: bool = False, more: bool = False
) -> None:
    """Raise InvalidSetting unless the value is a number from `least` (above it, with `more`) to `most`."""
    kind = int if whole else (int, float)
    too_small = not (value > least if more else value >= least) if isinstance(value, kind) else True
    if isinstance(value, bool) or too_small or value > most:
        what = "a whole number" if whole else "a number"
        limits = f" {'above' if more else 'from'} {least}" if least > -inf else ""
        limits += f" to {most:.0f}" if most < inf else ""
        shown = repr(value) if isinstance(value, (int, float)) else type(value).__name__
        raise InvalidSetting(f"{name} must be {what}{limits}, got {shown}")


def check_write_key(write_key: Any) -> str:
    """Return the key without blanks around it; "" means that nothing is sent. Raises InvalidSetting."""
    if not isinstance(write_key, str):
        raise InvalidSetting(
            "write_key must be your PostHog project API key (phc_...), "
            f"got {'None' if write_key is None else type(write_key).__name__}. "
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
    """Return the host without blanks around it and slashes at its end; None, for PostHog's US cloud, if there is none.

    Raises InvalidSetting.
    """
    address, name = _address("host", host, _HOSTS)
    if name == "api.segment.io" or name == "segmentapis.com" or name.endswith(".segmentapis.com"):
        raise InvalidSetting(f"host is Segment's. Events go to PostHog now: set host to {_HOSTS}")
    return address


def _check_segment_write_key(write_key: Any) -> str:
    """Return the key of a source in Segment; "" means that there is no dual running. Raises InvalidSetting."""
    if write_key is not None and not isinstance(write_key, str):
        raise InvalidSetting(
            f"segment_write_key must be the write key of your source in Segment, got {type(write_key).__name__}"
        )
    key = (write_key or "").strip()
    if key.startswith(("phc_", "phx_")):
        raise InvalidSetting(
            "segment_write_key is PostHog's. Set it to the write key of your source in Segment, "
            "and write_key to PostHog's"
        )
    return key


def _check_segment_host(host: Any) -> str | None:
    """Return the host; None, for Segment's own default, if there is none. Raises InvalidSetting."""
    address, name = _address("segment_host", host, _SEGMENT)
    if name == "posthog.com" or name.endswith(".posthog.com"):
        raise InvalidSetting(
            f"segment_host is PostHog's, which host is for. Leave it out, or set it to Segment's, such as {_SEGMENT}"
        )
    return address


def _address(setting: str, value: Any, examples: str) -> tuple[str | None, str]:
    """Return a URL, cleaned, and the name of the machine in it; (None, "") for an empty one. Raises InvalidSetting."""
    if value is None or value == "":
        return None, ""
    if not isinstance(value, str):
        raise InvalidSetting(f"{setting} must be a string such as {examples}, got {type(value).__name__}")
    address = value.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        name = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises for a port that isn't a number
    except ValueError:
        name = ""
    else:
        if parts.scheme not in ("http", "https") or parts.query or parts.fragment or address.split() != [address]:
            name = ""
    if not name:
        raise InvalidSetting(f"{setting} must be a URL with its scheme, such as {examples}")
    return address, name


def check_conversion(group_type: Any, person_profiles: Any) -> None:
    """Raise InvalidSetting unless both are settings that the conversion knows."""
    if not callable(group_type) and not (isinstance(group_type, str) and group_type.strip()):
        raise InvalidSetting(
            "group_type must be the name of a group type in PostHog, such as 'company', "
            "or a function that returns it for a message"
        )
    _one_of("person_profiles", person_profiles, PERSON_PROFILES)


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidSetting(f"{name} must be one of {', '.join(map(repr, choices))}")


def _function(name: str, value: Any) -> None:
    if value and not callable(value):
        raise InvalidSetting(f"{name} must be a function, got {type(value).__name__}")


def _handler(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Handler):
        raise InvalidSetting(f"{name} must be a logging.Handler, got {type(value).__name__}")


def _proxies(name: str, value: Any) -> None:
    text_or_none = (str, NoneType)
    if value and not (isinstance(value, Mapping) and all(isinstance(one, text_or_none) for one in value.values())):
        example = {"https": "http://proxy:3128"}
        raise InvalidSetting(f"{name} must be a dict such as {example}, got {type(value).__name__}")


def _directory(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, (str, os.PathLike)) or value == ""):
        raise InvalidSetting(
            f"{name} must be the path of a directory, got {type(value).__name__ if value else 'an empty string'}"
        )


def _setting(default: Any, check: Callable[[str, Any], object] | None = None) -> Any:
    return field(default=default, metadata={"check": check})


def _number(default: float, **limits: Any) -> Any:
    return _setting(default, lambda name, value: check_number(name, value, **limits))


# No repr, because the key never appears in one. Its own methods, because those of a dataclass are compiled at import.
@dataclass(init=False, repr=False, eq=False)
class Settings:
    """What a client is made with. Durations are in seconds.

    The fields are in the order of Segment's parameters; those after `max_rate_limit_duration` are this package's own.

    Raises InvalidSetting, with the setting's name, for a value that can't work.
    """

    write_key: str | None = _setting(None, lambda _, value: check_write_key(value))
    """PostHog's project API key (`phc_...`). It must be set. With `""` nothing is sent."""
    host: str | None = _setting(None, lambda _, value: check_host(value))
    """PostHog's address. `None` is PostHog's US cloud."""
    debug: bool = False
    """Writes a line for each call to standard error."""
    max_queue_size: int = _number(10000, least=-inf, whole=True)
    """Messages that may wait in the queue. With 0 or less, any number."""
    send: bool = True
    """With `False` nothing is sent."""
    on_error: OnError | None = _setting(None, _function)
    """A function. It gets an error and the list of messages that were lost by it."""
    gzip: bool = False
    """Compresses the requests."""
    max_retries: int = _number(10, least=-inf, whole=True)
    """How often a batch is sent again. A number below 0 is as 0."""
    sync_mode: bool = False
    """Each call sends its own message before it returns."""
    timeout: float = _number(15, most=MAX_WAIT, more=True)
    """Seconds that a request waits for its whole answer."""
    proxies: Mapping[str, str] | None = _setting(None, _proxies)
    """A dict such as `{"https": "http://proxy:3128"}`. Without it, the environment's proxies are used."""
    thread: int = _number(1, least=1, whole=True)
    """Threads that send."""
    upload_size: int = _number(100, least=1, whole=True)
    """Messages in a request, at most."""
    upload_interval: float = _number(0.5, most=MAX_WAIT)
    """Seconds that a message waits for others to share its request."""
    log_handler: Handler | None = _setting(None, _handler)
    """A handler for the logger `analytics_posthog`."""
    oauth_client_id: str | None = None
    """Has no effect: PostHog needs the key alone."""
    oauth_client_key: str | None = None
    oauth_key_id: str | None = None
    oauth_auth_server: str = "https://oauth2.segment.io"
    oauth_scope: str = "tracking_api:write"
    max_total_backoff_duration: float = _number(43200)
    """Seconds after which a failing batch is given up."""
    max_rate_limit_duration: float = _number(1800)
    """Seconds after which a batch is given up while PostHog's answers say when to try again."""
    group_type: GroupType = _setting(SEGMENT_GROUP, lambda _, value: check_conversion(value, "always"))
    """PostHog's name for Segment's groups, or a function that gets the message and returns the name."""
    person_profiles: str = _setting("always", lambda _, value: check_conversion(SEGMENT_GROUP, value))
    """With `"identified_only"` anonymous calls make no person, and cost less."""
    before_send: BeforeSend | None = _setting(None, _function)
    """A function. It gets each event and returns it, changed or not, or `None` to drop it."""
    on_success: OnSuccess | None = _setting(None, _function)
    """A function. It gets the list of messages that PostHog has taken."""
    exit_timeout: float = _number(30, most=MAX_WAIT)
    """Seconds that an exit may wait for deliveries that make progress. With 0 it doesn't wait."""
    block_when_full: float = _number(0, most=MAX_WAIT)
    """Seconds that a call waits for room in a full queue. For scripts and backfills."""
    outbox: str | os.PathLike[str] | None = _setting(None, _directory)
    """A directory that keeps messages on disk until they are delivered."""
    outbox_max_bytes: int = _number(256 * 1024 * 1024, least=1, whole=True)
    """Bytes that the outbox may hold. Beyond that, calls are refused as with a full queue."""
    outbox_sync: str = _setting("os", lambda name, value: _one_of(name, value, OUTBOX_SYNCS))
    """`"os"` survives the end of the process. `"disk"` also survives a power cut, and each call waits for the disk."""
    segment_write_key: str | None = _setting(None, lambda _, value: _check_segment_write_key(value))
    """Segment's own write key: each message goes to Segment too."""
    segment_host: str | None = _setting(None, lambda _, value: _check_segment_host(value))
    """Segment's address, if it isn't the usual one."""

    def __init__(self, **given: Any) -> None:
        """Take settings by their names; one that is left out has its default."""
        for setting in fields(self):
            self.change(setting.name, given.pop(setting.name, setting.default))
        if given:
            raise TypeError(f"no such setting: {', '.join(given)}")

    def change(self, name: str, value: Any) -> None:
        """Change a setting of a living client. Raises InvalidSetting, and changes nothing, if it can't work."""
        check = self.__dataclass_fields__[name].metadata.get("check")
        if check is not None:
            check(name, value)
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"{name} is changed by change(), which checks it")

    @property
    def key(self) -> str:
        """The project API key without blanks around it; "" if nothing is to be sent."""
        return check_write_key(self.write_key)

    @property
    def address(self) -> str | None:
        """PostHog's address; None for its US cloud."""
        return check_host(self.host)

    @property
    def sends(self) -> bool:
        """Whether anything is sent at all."""
        return bool(self.send and self.key)

    @property
    def retries(self) -> Retries:
        """How long a batch is tried."""
        return Retries(self.max_retries, self.max_total_backoff_duration, self.max_rate_limit_duration)

    @property
    def segment_key(self) -> str:
        """The key of a source in Segment; "" without dual running."""
        return _check_segment_write_key(self.segment_write_key)

    @property
    def segment_address(self) -> str | None:
        """Segment's address; None for Segment's own default."""
        return _check_segment_host(self.segment_host)
