"""The name in Segment's `oauth_manager` module that code imports. PostHog has no OAuth for events."""

from __future__ import annotations

from typing import Any

from .errors import InvalidSetting


class OauthManager:
    """Can be imported, replaced in a test and named in an `isinstance()`, but not made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise InvalidSetting(
            "PostHog has no OAuth for events, so there is no OauthManager. "
            "Leave the oauth settings out and set write_key to the project API key (phc_...)"
        )
