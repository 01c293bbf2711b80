"""The key and the address that `install_as_segment()` pins, for packages that set or pass Segment's own."""

from __future__ import annotations

from typing import Any, Final

from .._delivery import log
from .._settings import check_host, check_write_key

_PINNED: Final[dict[str, str | None]] = {}
_warned: Final[set[str]] = set()


def pin(write_key: str | None, host: str | None) -> dict[str, str | None]:
    """Pin what is not None, and with a key the host too. Return all that is pinned.

    Raises InvalidSetting, and then pins nothing.
    """
    if write_key is not None:
        check_write_key(write_key)
    check_host(host)
    if write_key is not None:
        _PINNED["write_key"] = write_key
    if write_key is not None or host is not None:
        _PINNED["host"] = host
    return _PINNED


def pinned(name: str, value: Any) -> Any:
    """Return the value that a setting has: the pinned one, or else `value`. The first time they differ, warn."""
    if name not in _PINNED:
        return value
    kept = _PINNED[name]
    if value is not None and value != kept and name not in _warned:
        _warned.add(name)
        text = "%s is pinned by install_as_segment(), so another one is not used. Remove it, or pass it there"
        log.warning(text, name)
    return kept
