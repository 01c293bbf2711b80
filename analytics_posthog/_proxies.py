"""The session that posts through an app's proxies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests


class ProxySession(requests.Session):
    """A session that uses these proxies and no others, whatever the environment says; as Segment's client does."""

    def __init__(self, proxies: Mapping[str, str]) -> None:
        super().__init__()
        self._own = dict(proxies)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["proxies"] = self._own
        return super().request(*args, **kwargs)
