"""Writes an event as one readable line of text, for a terminal without a browser. Pure.

An event can't give the terminal a command: characters that are not printable, or change the direction of writing,
become escapes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from ..convert import Event
from .reverse import is_of_request, is_ours, reconstruct
from .store import Kept
from .warnings import WARNING, warnings

_LONGEST: Final = 48  # characters of a value
_MOST: Final = 6  # values
_ELSEWHERE: Final = ("type", "event", "userId", "anonymousId", "timestamp", "context", "properties", "posthog")


def line(kept: Kept) -> str:
    """Return an event's line, without a line break: time, call, event, who, the call's own values, warnings."""
    event, summary = json.loads(kept.text), kept.summary
    moment = datetime.fromtimestamp(summary.arrived).isoformat(timespec="milliseconds")[11:]
    name = json.dumps(summary.name, ensure_ascii=False)
    parts = [moment, f"{summary.call:<8}", _cut(name), _cut(summary.who)]
    parts += _values(event)
    found = warnings(event, summary.size, again=summary.again, note=summary.note)
    parts += [f"! {warning.text}." for warning in found if warning.level == WARNING]
    return shown("  ".join(parts))


def _values(event: Event) -> list[str]:
    """Return what the call was given, without what the line has already."""
    message = reconstruct(event).message if is_ours(event) else {}
    own = {name: value for name, value in message.items() if name not in _ELSEWHERE}
    own |= {name: value for name, value in message.get("properties", {}).items() if not is_of_request(name, message)}
    texts = [f"{_cut(name)}={_cut(json.dumps(own[name], ensure_ascii=False))}" for name in list(own)[:_MOST]]
    return texts + ([f"(+ {len(own) - _MOST})"] if len(own) > _MOST else [])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shown(text: str) -> str:
    """Return a text in which every character that is not printable becomes an escape such as \\x1b."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
