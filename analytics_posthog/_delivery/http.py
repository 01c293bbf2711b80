"""The HTTP session that batches are posted through: what isn't a 200 is an error here, whatever the answer's body holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests

from ..errors import AnalyticsError

_BODY: Final = 1000  # characters of an answer that are looked at


class Answered(AnalyticsError):
    """PostHog, or something on the way, answered with this status. `retry_after` is in seconds."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"answered {response.status_code}")
        self.status = response.status_code
        self.retry_after = _retry_after(response.headers.get("Retry-After"))


class Session(requests.Session):
    """Raises Answered for all but 200. With `proxies`, uses these and no others, whatever the environment says."""

    def __init__(self, proxies: Mapping[str, str] | None) -> None:
        super().__init__()
        self._proxies = dict(proxies) if proxies else None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and return the answer, as requests does. Raises Answered unless it is a 200."""
        response = super().request(*args, **kwargs)
        if response.status_code != 200:
            raise Answered(response)
        return response

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Called for each request, to add what the environment says; of its proxies nothing, if there are our own."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self._proxies is not None:
            settings["proxies"] = dict(self._proxies)
        return settings

    def rebuild_method(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Called for a redirect. Most of them would make the POST a GET, whose 200 says nothing of the events."""
        if response.status_code not in (307, 308):
            raise Answered(response)


def why_not_taken(response: requests.Response) -> str | None:
    """Return why an answer of 200 does not mean that PostHog has taken the events, and what to do; None if it does."""
    said: Any = None
    with suppress(ValueError, RecursionError):
        said = json.loads(response.text[:_BODY])
    if not isinstance(said, dict) or "status" not in said:
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "nothing"
        return f"answered 200, but not as PostHog does (it sent {kind}): a proxy's or another server's page. Check host and proxies"
    if said.get("quota_limited"):
        return "answered that the project is over its quota, so events are dropped. Check PostHog's billing limits"
    return None


def _retry_after(value: str | None) -> float | None:
    """Return a Retry-After header's seconds; it has either these or a date."""
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:  # "-0000", which is UTC too
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime.now(timezone.utc)).total_seconds()
