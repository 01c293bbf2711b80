"""For end-to-end tests: waits until the inspector has an event of an app that runs in another process."""

from __future__ import annotations

import json
import time
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from ..errors import AnalyticsError

INSPECTOR: Final = "http://127.0.0.1:8765"
_LOOK_EVERY: Final = 0.05  # seconds
_PATIENCE: Final = 5.0  # seconds for an answer

__tracebackhide__ = True  # pytest's way to leave frames out of a failure's traceback, and unittest's
__unittest = True


def wait_for_event(
    event: str, user: str | None = None, *, inspector: str = INSPECTOR, timeout: float = 10.0, after: int = 0
) -> dict[str, Any]:
    """Wait until the inspector has an event, and return the first one, as PostHog would get it.

    `event` is its name in PostHog, such as "Order Completed" or "$pageview", `user` its distinct id (None: anyone's),
    `timeout` is in seconds. With `after`, only events with a higher number than that count (`last_event()` returns it).

    Raises AssertionError with what did come, if the event doesn't come in time, and AnalyticsError if the inspector
    can't be reached.
    """
    asked = {"event": event, "after": str(after), "limit": "1000", **({} if user is None else {"user": user})}
    end = time.monotonic() + timeout
    while True:
        found = _asked(inspector, asked)["events"]
        if found:
            first: dict[str, Any] = found[0]["event"]
            return first
        if time.monotonic() >= end:
            came = _asked(inspector, {"after": str(after), "limit": "20"})["events"]
            lines = [f"  {each['event']['event']} of {each['event'].get('distinct_id')}" for each in came]
            whose = "" if user is None else f" of {user}"
            raise AssertionError(
                "\n".join([f"{event}{whose} didn't come in {timeout:g} s. The last that came:", *lines])
            )
        time.sleep(_LOOK_EVERY)


def last_event(inspector: str = INSPECTOR) -> int:
    """Return the number of the newest event that the inspector has. Raises AnalyticsError if it can't be reached."""
    return int(_asked(inspector, {"limit": "1"})["last"])


def _asked(inspector: str, asked: dict[str, str]) -> dict[str, Any]:
    if not inspector.startswith(("http://", "https://")):
        raise AnalyticsError("inspector must be an address, such as http://127.0.0.1:8765")
    url = f"{inspector.rstrip('/')}/api/events?{urlencode(asked)}"
    try:
        with urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310  http or https
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        raise AnalyticsError(f"the inspector answered {error.code}. Is {inspector} its address?") from error
    except (URLError, OSError, ValueError) as error:
        why = f"the inspector can't be reached at {inspector} ({type(error).__name__})"
        raise AnalyticsError(f"{why}. Start it: analytics-posthog inspect") from error
