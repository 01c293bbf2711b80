"""The fast pass over a message's values: copies a dict that holds only JSON's own types, dates and UUIDs.

At any other value `plain_copy` gives up, and the pass in `values` starts over. That one knows every type, and takes 1.5
times as long. The fast pass leaves nothing out and never raises.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any, Final
from uuid import UUID

from .._interrupts import is_interrupt

# A pass ends here, however large the input is. No value is estimated at more than nine times its JSON, so a message
# that is cut off has more than the 900 KiB that can be sent, or values that are left out.
MAX_SIZE: Final = 8 * 1024 * 1024
PAIR_COST: Final = 26  # a key's quotes, a colon, a comma, and the longest number
ITEM_COST: Final = 4  # a text's quotes and a comma
NUMBER_COST: Final = 22
MOMENT_COST: Final = 40  # a date's or a UUID's text
WIDEST: Final = 12  # bytes of JSON that one character may take
LOWEST, HIGHEST = -(2**63), 2**63
_DEEPEST: Final = 12  # levels, so that a dict inside itself comes to an end


def plain_copy(value: dict[Any, Any], size: int) -> tuple[dict[str, Any], int] | None:
    """Return a copy of a dict, and `size` plus an estimate of its JSON. Return None if a value needs the other pass."""
    try:
        if len(value) * PAIR_COST > MAX_SIZE:  # before it is copied
            return None
        copy = value.copy()
        sized = _clean_in_place(copy, size, _DEEPEST)
    except Exception as error:  # copy() may call a key's own __eq__; or the stack is full
        if is_interrupt(error):
            raise
        return None
    return None if sized is None else (copy, sized)


def _clean_in_place(copy: Any, size: int, levels: int) -> int | None:
    """Replace the values in a fresh copy of a dict or list by clean copies. Return the size, or None to give up."""
    is_dict = type(copy) is dict
    size += (PAIR_COST if is_dict else ITEM_COST) * len(copy)
    if size > MAX_SIZE or not levels:
        return None
    for place, value in copy.items() if is_dict else enumerate(copy):
        if is_dict:
            if type(place) is not str or not place.isascii():
                return None
            size += len(place)
        kind = type(value)
        if kind is str:
            if value.isascii():
                size += len(value)
            else:
                size += WIDEST * len(value)
                if size > MAX_SIZE:  # before the next long text is read
                    return None
                copy[place] = text(value)
        elif kind is dict or kind is list:
            if len(value) * ITEM_COST > MAX_SIZE:
                return None
            copy[place] = value = value.copy()
            sized = _clean_in_place(value, size, levels - 1)
            if sized is None:
                return None
            size = sized
        elif (
            value is None
            or kind is bool
            or (kind is int and LOWEST < value < HIGHEST)
            or (kind is float and value - value == 0)
        ):
            if not is_dict:
                size += NUMBER_COST
        elif (
            kind is UUID
            or kind is date
            or (kind is datetime and (value.tzinfo is None or type(value.tzinfo) is timezone))
        ):
            size += MOMENT_COST
            if kind is UUID:
                copy[place] = str(value)
        else:
            return None
    return size if size <= MAX_SIZE else None


def text(value: str) -> str:
    """Return a string without lone surrogates, which UTF-8 can't hold."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
