"""The session that posts to PostHog: an answer that is no success is an exception.

Segment's SDK has one session for the whole process, `request._session`, which apps give a certificate and which tests
replace the `post` of. `SHARED` stands there, and each session here does as it does.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from ..errors import AnalyticsError, DeliveryError
from .bounded import BoundedAdapter

BODY: Final = 1000  # characters of an answer that are looked at
SHARED: Final = requests.Session()
QUOTA: Final = "quota_limited"  # the code of an error
_OVER_QUOTA: Final = (
    "answered that the project is over its quota, so events are dropped. Check PostHog's billing limits"
)
_CODE: Final = 50  # characters of an error's code


class Answered(AnalyticsError):
    """PostHog, or something on the way, answered with this status. `retry_after` is in seconds."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"answered {response.status_code}")
        self.status = response.status_code
        self.code = _code_of(response)
        self.retry_after = _retry_after(response.headers.get("Retry-After"))
        self.response = response
        vars(response).pop("request", None)  # it holds the key and the events


class Session(requests.Session):
    """Raises Answered unless it is a success. With `proxies`, uses these alone, whatever the environment says.

    With `taken`, a 200 that doesn't say that PostHog has taken the events is a DeliveryError.
    """

    def __init__(self, proxies: Mapping[str, str] | None, *, taken: bool = False) -> None:
        super().__init__()
        for prefix in ("https://", "http://"):
            self.mount(prefix, BoundedAdapter())
        self._taken = taken
        self.auth = SHARED.auth or _none_but_the_address_s
        self._proxies = dict(proxies) if proxies else None
        self.verify, self.cert = SHARED.verify, SHARED.cert
        self.headers.update(SHARED.headers)
        self.proxies.update(SHARED.proxies)
        for prefix, adapter in SHARED.adapters.items():
            if type(adapter) is not HTTPAdapter:
                self.mount(prefix, adapter)

    def post(self, url: Any, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        """Post as requests does. A `post` that a test has put on the shared session is called instead."""
        replaced = vars(SHARED).get("post")
        if replaced is None:
            return super().post(url, data, json, **options)
        if self._proxies is not None:
            options["proxies"] = self._proxies
        response = _made_by_a_test(replaced(url, data=data, **options))
        for hook in self.hooks["response"]:
            hook(response)
        return self._judged(response)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and return the answer, as requests does. Raises Answered unless it is a success."""
        response = super().request(*args, **kwargs)
        if self._taken and response.status_code == 200:
            why = why_not_taken(response)
            if why is not None:
                raise DeliveryError(f"the server {why}", 200, QUOTA if why == _OVER_QUOTA else "unknown")
        return self._judged(response)

    def _judged(self, response: requests.Response) -> requests.Response:
        """Return an answer that is a success; with `taken` as 200."""
        if not 200 <= response.status_code < 300:
            raise Answered(response)
        if self._taken:
            as_200(response)
        return response

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Called by requests, to add the environment's settings to a request. Our own proxies win over its proxies."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self._proxies is not None:
            settings["proxies"] = dict(self._proxies)
        return settings

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Called by requests. Raises Answered for a redirect that is not followed.

        Most turn the POST into a GET, whose 200 says nothing about events. Another host, or no TLS any more, must get
        neither the key nor the events. A query could hold the key, which would stand in the log of urllib3.
        """
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        with suppress(ValueError):
            here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            same = (here.scheme, here.port) == (there.scheme, there.port)
            to_tls = (here.scheme, there.scheme, here.port, there.port) == ("http", "https", None, None)
            is_ours = here.hostname == there.hostname and (same or to_tls) and not there.query
            if resp.status_code in (307, 308) and is_ours:
                return target
        raise Answered(resp)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Called by requests for a redirect, to look into .netrc."""


def _none_but_the_address_s(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The session's `auth`: the name and password of the address, if any. Without one, requests would read .netrc."""
    user, password = requests.utils.get_auth_from_url(request.url or "")
    return HTTPBasicAuth(user, password)(request) if user or password else request


def as_200(response: requests.Response, **_: object) -> None:
    """For a session's `hooks`: have each success be the only one that `batch_post` knows."""
    if 200 <= response.status_code < 300:
        response.status_code = 200


def why_not_taken(response: requests.Response) -> str | None:
    """Return why an answer of 200 does not mean that PostHog has taken the events, and what to do; None if it does."""
    said: Any = None
    with suppress(ValueError, RecursionError):
        said = json.loads(response.text[:BODY])
    if not isinstance(said, dict) or "status" not in said:
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "nothing"
        return (
            f"answered 200, but not as PostHog does (it sent {kind}): "
            "a proxy's or another server's page. Check host and proxies"
        )
    limited = said.get("quota_limited")
    if limited and ("events" in limited or not isinstance(limited, list)):
        return _OVER_QUOTA
    return None


def _made_by_a_test(answer: Any) -> requests.Response:
    """Return an answer for what a replaced `post` returned, which may be a mock that has a status and nothing else."""
    if isinstance(answer, requests.Response):
        return answer
    made = requests.Response()
    made.status_code = answer.status_code if isinstance(answer.status_code, int) else 200
    made.raw = io.BytesIO(b'{"status":"Ok"}')
    return made


def _code_of(response: requests.Response) -> str:
    """Return PostHog's word for what is wrong, as in `{"code": "invalid_payload"}`; "unknown" if there is none."""
    if 300 <= response.status_code < 400:
        return "redirect"  # as Segment's client calls it
    with suppress(ValueError, RecursionError):
        said = json.loads(response.text[:BODY])
        code = said.get("code") if isinstance(said, dict) else None
        if isinstance(code, str) and code.isidentifier() and len(code) <= _CODE:
            return code
    return "unknown"


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which has either seconds or a date."""
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000", which is UTC too
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime.now(timezone.utc)).total_seconds()
