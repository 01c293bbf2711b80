"""The names of Segment's `request` module that code imports: for its tests, its errors and its own requests.

Batches are not sent with `_session`. But a client that is made later has its certificate, proxies and adapters. A test
may replace its `post`, which then gets each batch.
"""

from __future__ import annotations

import json
import logging
from datetime import date, datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from ._delivery import LIB, SHARED, Session, Target, as_200, delivery_error, post_batch, raise_refusal
from ._interrupts import is_interrupt
from ._message import Pass, complete
from ._settings import Settings
from .convert import to_posthog, wanted
from .errors import APIError

if TYPE_CHECKING:
    import requests

__all__ = ["MAX_RETRY_AFTER_SECONDS", "APIError", "DatetimeSerializer", "parse_retry_after", "post"]

MAX_RETRY_AFTER_SECONDS: Final = 300
_session: Final = SHARED
_log: Final = logging.getLogger("analytics_posthog")


class DatetimeSerializer(json.JSONEncoder):
    """For `json.dumps(..., cls=DatetimeSerializer)`: writes dates and times in ISO 8601."""

    def default(self, o: Any) -> Any:
        """Called by json for a value that it doesn't know. Raises TypeError if it is no date."""
        return o.isoformat() if isinstance(o, date) else super().default(o)


def parse_retry_after(response: requests.Response) -> int | None:
    """Return the seconds of an answer's Retry-After header, at most 300; None if there is no proper one."""
    value = response.headers.get("Retry-After")
    if not value:
        return None
    try:
        return min(max(int(value), 0), MAX_RETRY_AFTER_SECONDS)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000", which is UTC too
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = int((moment - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        _log.warning("An answer has a Retry-After header that is neither a number nor a date; it is ignored")
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else None


def post(
    write_key: str,
    host: str | None = None,
    gzip: bool = False,
    timeout: float = 15,
    proxies: dict[str, str] | None = None,
    oauth_manager: Any = None,
    retry_count: int = 0,
    **kwargs: Any,
) -> requests.Response:
    """Send `batch`, a list of Segment's messages, to PostHog in one request, and return the answer.

    The parameters are Segment's; `timeout` is in seconds. Raises InvalidSetting, InvalidMessage for a message that
    PostHog would refuse, and DeliveryError, which is an APIError, unless PostHog takes the batch. Retries nothing.
    """
    settings = Settings(write_key=write_key, host=host, gzip=gzip, timeout=timeout, proxies=proxies)
    target = Target.of(settings.key, settings.address, gzip=bool(gzip), timeout=timeout)
    events = []
    for given in kwargs.get("batch", ()):
        message = complete({"context": {}, "integrations": {}, **given}, Pass(), checked=True)
        raise_refusal(message)
        if wanted(message):
            event = to_posthog(message)
            event["properties"].update(LIB)
            events.append(event)
    answers: list[requests.Response] = []
    with Session(settings.proxies) as session:
        session.hooks["response"].extend((as_200, lambda response, **_: answers.append(response)))
        try:
            post_batch(target, events, session)
        except Exception as failure:
            if is_interrupt(failure):
                raise
            raise delivery_error(failure) from None
    return answers[-1]
