"""What may be changed on a client after it was made, as with Segment's client, and what may not."""

from __future__ import annotations

from typing import Any, Final

from ._segment import pinned
from ._settings import Settings
from .errors import InvalidSetting

LIVING: Final = frozenset(["write_key", "host", "on_error", "send", "sync_mode", "gzip", "timeout"])
_REPLACED: Final = {
    "queue": "To see or drop events set before_send; in tests, capture calls with analytics_posthog.testing",
    "consumers": "Set thread for their number, or sync_mode=True for none",
}


class Changeable:
    """Passes changes of settings on to the parts of a client that read them."""

    _settings: Settings

    def _changed(self, name: str) -> None:
        """Called after a setting has changed."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _REPLACED:
            raise InvalidSetting(f"client.{name} can't be replaced. {_REPLACED[name]}")
        changes = name in LIVING and "_life" in vars(self)  # which is set last when a client is made
        if changes:
            value = pinned(name, value)
            self._settings.change(name, value)
        object.__setattr__(self, name, value)
        if changes:
            self._changed(name)
