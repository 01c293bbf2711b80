"""One readable line for each event, for a terminal without a browser. Pure.

What it does not do: let an event write to the terminal. Characters that a terminal takes for commands, or that turn the
direction of writing, stand there as an escape.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from .explain import CALL, WARNING, Origin, origins, warnings
from .store import Kept

_LONGEST: Final = 48  # characters of a value
_MOST: Final = 6  # values


def line(kept: Kept) -> str:
    """Return an event's line, without a line break: time, call, event, who, the call's own values, warnings."""
    event, of = json.loads(kept.text), kept.summary
    moment = datetime.fromtimestamp(of.arrived).isoformat(timespec="milliseconds")[11:]
    parts = [moment, f"{of.call:<8}", _cut(json.dumps(of.name, ensure_ascii=False)), _cut(of.who)]
    parts += _values(event)
    found = warnings(event, of.size, again=of.again, note=of.note)
    parts += [f"! {warned.text}." for warned in found if warned.level == WARNING]
    return shown("  ".join(parts))


def _values(event: dict[str, Any]) -> list[str]:
    own = [row for row in origins(event) if _is_own(row)]
    values = [f"{_cut(row.name)}={_cut(json.dumps(row.value, ensure_ascii=False))}" for row in own[:_MOST]]
    return values + ([f"(+ {len(own) - _MOST})"] if len(own) > _MOST else [])


def _is_own(row: Origin) -> bool:
    """Whether a row is what the call was about, and not the name or the time that the line has already."""
    return row.name in ("$set", "$group_set", "$group_key", "alias") or (row.kind == CALL and row.name not in ("event", "timestamp"))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shown(text: str) -> str:
    """Return a text in which every character that isn't printable is an escape such as \\x1b."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
