"""Makes messages the same in each run: replaces ids and times, and leaves out versions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def stable(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return copies of the messages with the same ids and times in each run."""
    numbers: dict[Any, int] = {}
    found = []
    for message in messages:
        number = numbers.setdefault(message.get("messageId"), len(numbers) + 1)
        context = {key: value for key, value in message.get("context", {}).items() if key != "library"}
        fields = {**message, "messageId": f"<messageId {number}>", "timestamp": "<timestamp>", "context": context}
        found.append({key: value for key, value in fields.items() if value not in (None, {})})
    return found
