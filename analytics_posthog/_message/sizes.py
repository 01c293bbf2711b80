"""How large a value is at least, asked before anything is made of it: a few bytes may stand for gigabytes."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from .plain import PAIR_COST

_NUMBER_COST: Final = 8  # of an array: no million of numbers fits into an event, however short they are
_SIZED: Final[tuple[Any, ...]] = (dict, list, tuple, str, bytes, bytearray, set, frozenset, deque)


def least_size(value: Any, kind: type) -> int:
    """Return how many bytes of JSON a value has at least, if it says how large it is without code of the app's."""
    for base in _SIZED:
        if isinstance(value, base):
            return int(base.__len__(value)) * (PAIR_COST if base is dict else 1)
    if isinstance(value, memoryview):
        return value.nbytes
    if kind.__module__.partition(".")[0] == "numpy":
        return int(getattr(value, "size", 0)) * _NUMBER_COST
    return 0
