"""Text for a terminal: no file's name, and no line of an archive, moves the cursor or sets the title."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return a text without characters that are commands to a terminal, or change the direction of writing."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def plain_lines(text: str) -> str:
    """Do the same for a text of several lines."""
    return "\n".join(map(plain, text.split("\n")))
