"""Numbers in texts for people."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """Return a number with its word, in the singular or the plural: 1 event, 2,000 events."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
