"""Names the type of a value, for errors and warnings. Never shows the value: it may be personal data."""

from __future__ import annotations

from typing import Final


def kind_name(value: object) -> str:
    """Name a value's type. The name is read from `type` itself: a metaclass may have a `__name__` that raises."""
    return str(_NAME.__get__(type(value)))


_NAME: Final = type.__dict__["__name__"]


def describe(value: object) -> str:
    """Say what an argument is: "nothing", "an empty string", or its type."""
    if value is None:
        return "nothing"
    return "an empty string" if isinstance(value, str) and not str.__str__(value) else f"a {kind_name(value)}"
