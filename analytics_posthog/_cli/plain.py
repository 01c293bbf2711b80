"""Text for a terminal: a file's name, or a line of an archive, must not move the cursor or set the title."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return a text in which each character that is neither printable nor a line's end is written as an escape."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
