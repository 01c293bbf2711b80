"""Passes on to PostHog what the app has sent, just as it was sent, and PostHog's answer back to the app.

So the app's client retries what PostHog has not taken, as if the inspector were not there. The app's own key goes along in the
body; nothing else is added. What it does not do: keep or send anything again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests

_PASSED_ON: Final = (
    "content-type",
    "content-encoding",
    "user-agent",
    "if-none-match",
    "authorization",  # v1 has the key here
)
_PASSED_BACK: Final = ("content-type", "retry-after", "etag")
_TIMEOUT: Final = 20.0  # seconds; a little more than the official client's own


@dataclass(frozen=True)
class Answer:
    """What PostHog answered; 502 if there was no answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def taken(self) -> bool:
        """Whether PostHog has taken it."""
        return self.status == 200


class Forward:
    """Where events are passed on to. `send` may be called from any thread."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._session = requests.Session()
        self._session.auth = _as_it_is
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # what one app is given is not for the next

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Make the same request of PostHog. Never raises; `path` begins with a slash and may have a query."""
        kept = {name: value for name, value in headers.items() if name in _PASSED_ON}
        try:
            answer = self._session.request(
                method, self.host + path, data=body or None, headers=kept, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            detail = f'{{"type":"server_error","detail":"the inspector can\'t reach PostHog ({type(error).__name__})"}}'
            return Answer(502, detail.encode(), {"content-type": "application/json"})
        back = {name: value for name, value in answer.headers.items() if name.lower() in _PASSED_BACK}
        return Answer(answer.status_code, answer.content, back)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Said to be the way to sign in, so that no password from a .netrc goes along."""
    return request
