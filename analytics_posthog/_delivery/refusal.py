"""What PostHog refuses although Segment takes it: a blank event name or a blank id. It would refuse the whole batch."""

from __future__ import annotations

from .._message import Message


def refusal(message: Message) -> str | None:
    """Return why PostHog would refuse a message, or None if it would not."""
    if message["type"] == "track" and not message["event"].strip():
        return "track needs an event name that isn't blank. Pass event='...'"
    if not (message["userId"] or message.get("anonymousId") or "").strip():
        return f"{message['type']} needs an id that isn't blank. Pass user_id or anonymous_id"
    return None
