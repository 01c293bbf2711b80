"""Finds events by what a person types: several words, and `field:value`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from .reverse import distinct_id_of, properties_of
from .store import Kept

# A word, or words in quotes, perhaps with a field's name and a colon in front.
_TERM: Final = re.compile(r'(?:(?P<field>[\w$.]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')
_OF_EVENT: Final = ("event", "user", "call", "uuid")
_MOST_TERMS: Final = 20


class Term(NamedTuple):
    """A part of what was typed: a value, in lower case, that the field must contain; any place if there is no field."""

    field: str
    value: str


def terms(text: str) -> list[Term]:
    """Return the parts of a text. `http://...` and a time are words: their colon names no field."""
    found = []
    for match in _TERM.finditer(text):
        field, value = match["field"] or "", match["quoted"] if match["quoted"] is not None else match["bare"]
        if field and (value.startswith("//") or field.isdigit()):
            field, value = "", match[0]
        if value:
            found.append(Term(field, value.lower()))
    return found[:_MOST_TERMS]


def search(events: Iterable[Kept], text: str) -> list[int]:
    """Return the numbers of the events in which all of a text's parts are found.

    A word is looked for in the event's JSON, in any case, as it is or as JSON escapes it. Needs no store, so it may run
    in a thread.
    """
    wanted = [(term, *_both_forms(term.value)) for term in terms(text)]
    return [kept.number for kept in events if wanted and _fits(kept, wanted)]


def _both_forms(value: str) -> tuple[bytes, bytes]:
    escaped = json.dumps(value, ensure_ascii=False)[1:-1]
    return value.encode("utf-8", "replace"), escaped.encode("utf-8", "replace")


def _fits(kept: Kept, wanted: list[tuple[Term, bytes, bytes]]) -> bool:
    lower = kept.text.lower() if kept.text.isascii() else kept.text.decode().lower().encode()
    for term, bare, escaped in wanted:
        if term.field in ("call", "event"):
            continue  # these need not stand in the JSON as they are
        if bare not in lower and escaped not in lower:
            return False
    event = None
    for term, _, _ in wanted:
        if term.field:
            event = event or json.loads(kept.text)
            if term.value not in _field(event, kept, term.field):
                return False
    return True


def _field(event: dict[str, Any], kept: Kept, name: str) -> str:
    """Return a field as a text in lower case; "" if the event has none of that name."""
    if name in _OF_EVENT:
        names = f"{event.get('event')} {kept.summary.name}"
        own = {"event": names, "user": distinct_id_of(event), "call": kept.summary.call, "uuid": kept.summary.uuid}
        return str(own[name]).lower()
    found: Any = properties_of(event)
    for key in [name] if name in found else name.removeprefix("properties.").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return "" if found is None else (found if isinstance(found, str) else json.dumps(found)).lower()
