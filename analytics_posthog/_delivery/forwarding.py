"""Forwards an app's own request to PostHog, and PostHog's answer back to the app. The inspector uses it.

The request is forwarded as it is, with the app's own key in its body. Nothing is kept and nothing is retried here: the
app's client sees PostHog's answer and retries as if nobody were between them.
"""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Final, NamedTuple

import requests

_REQUEST_HEADERS: Final = (
    "content-type",
    "content-encoding",
    "user-agent",
    "if-none-match",
    "authorization",  # PostHog's newer protocol has the key here
)
_ANSWER_HEADERS: Final = ("content-type", "retry-after", "etag")
_TIMEOUT: Final = 20.0  # seconds; a little more than the official client's


class Answer(NamedTuple):
    """PostHog's answer; its status is 502 if there was none."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def taken(self) -> bool:
        """Whether PostHog has taken the request."""
        return self.status == 200


class Forward:
    """Sends requests to one PostHog. `send` may be called from any thread."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._session = requests.Session()
        self._session.auth = _no_sign_in
        self._session.cookies.set_policy(
            DefaultCookiePolicy(allowed_domains=[])
        )  # one app's cookies are not for another

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send the same request to PostHog. Never raises. `path` begins with a slash and may have a query."""
        kept = {name: value for name, value in headers.items() if name in _REQUEST_HEADERS}
        try:
            answer = self._session.request(
                method, self.host + path, data=body or None, headers=kept, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            detail = f'{{"type":"server_error","detail":"the inspector can\'t reach PostHog ({type(error).__name__})"}}'
            return Answer(502, detail.encode(), {"content-type": "application/json"})
        back = {name: value for name, value in answer.headers.items() if name.lower() in _ANSWER_HEADERS}
        return Answer(answer.status_code, answer.content, back)


def _no_sign_in(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without this, requests would add a password from the user's .netrc."""
    return request
