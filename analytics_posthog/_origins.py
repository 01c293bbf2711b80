"""Says where each part of a PostHog event comes from, for the inspector and for `convert --side-by-side`.

No rule of the mapping is written here. The message is converted again without one of its parts: what is then missing or
different in the event came from that part. So a new row in `convert` needs no change here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from .convert import CONTEXT, EVENTS, Event, to_posthog

Convert: TypeAlias = Callable[[dict[str, Any]], Event]
Path: TypeAlias = tuple[str, ...]  # to a part of a message: ("context", "page", "url")

SETTINGS: Final = {name: value for name, value in (to_posthog.__kwdefaults__ or {}).items() if isinstance(value, str)}
_DEEPEST: Final = 3
_MOST_CONVERSIONS: Final = 500  # a message with thousands of parts must not hold anybody up
_OTHER: Final = "https://origins.invalid/path"
_MISSING: Final = object()


class Origins(NamedTuple):
    """The parts of a message, the parts of its event, and the paths that each part of the event was made from."""

    parts: dict[Path, Any]
    event: dict[str, Any]
    paths: dict[str, list[Path]]
    unused: set[Path]  # the parts without which the event would be the same


def origins(message: dict[str, Any], convert: Convert, opened: Collection[str] = ()) -> Origins:
    """Return the origins of the event that `convert` makes of a message.

    `opened` names those dicts among the event's properties whose inner parts are listed one by one, as `$set.plan`.
    """
    event, copies = _flat(convert(message), opened)
    copied = {name: path for name, path in copies.items() if _at(message, path) is event[name]}
    derived = {name: value for name, value in event.items() if name not in copied}
    search = _Search(message, lambda changed: _flat(convert(changed), opened)[0])
    search.below((), derived)
    paths = {name: [copied[name]] if name in copied else search.origins_of(name, event[name]) for name in event}
    parts = dict(_parts(message))
    whole = {path for found in paths.values() for path in found}
    used = {path for path in parts if path in search.found or any(path[: end + 1] in whole for end in range(len(path)))}
    return Origins(parts, event, paths, parts.keys() - used - {("type",)})


def why(name: str, message: dict[str, Any], settings: dict[str, str]) -> str:
    """Say why an event has a property that no part of the message gave; "" if nothing explains it."""
    call, context = message["type"], _dict(message.get("context"))
    missing = {key: _OTHER for key in CONTEXT if context.get(key) is None}

    def depends(more: dict[str, str], call: str, other: dict[str, str]) -> bool:
        changed = {**message, "type": call, "context": {**context, **more}}
        return bool(_property(name, changed, {**settings, **other}) != _property(name, message, settings))

    for setting, default in SETTINGS.items():
        given = settings.get(setting, default)
        if any(depends({}, call, {setting: other}) for other in (default, f"not {given}")):
            return f'the setting {setting} = "{given}"'
    for key in missing:
        if depends({key: _OTHER}, call, {}):
            return f"no context.{key}"
    return f"the call: {call}" if any(depends(missing, other, {}) for other in EVENTS) else ""


class _Search:
    """Finds what each part of an event depends on. `convert` returns an event by its parts' names."""

    def __init__(self, message: dict[str, Any], convert: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._message, self._convert = message, convert
        self._conversions = 0
        self.found: dict[Path, set[str]] = {}

    def below(self, path: Path, derived: dict[str, Any]) -> None:
        """Find which parts of one of the message's dicts the event's parts `derived` depend on."""
        inside = [key for key in _at(self._message, path) if (*path, key) != ("type",)]  # without it there is no event
        self._among(path, inside, derived)

    def origins_of(self, name: str, value: Any) -> list[Path]:
        """Return the paths for one of the event's parts: the part with the same value, else all that it depends on."""
        if name == "event" and EVENTS[self._message["type"]]:
            return [("type",)]
        found = [path for path, names in self.found.items() if name in names]
        same = [path for path in found if _says(_at(self._message, path), value)]
        if same:
            return [max(same, key=len)]
        return [path for path in found if not any(other[: len(path)] == path and other != path for other in found)]

    def _among(self, above: Path, keys: list[str], derived: dict[str, Any]) -> None:
        """Try some parts of one dict all at once, and each half of them only if that changes something."""
        if self._conversions >= _MOST_CONVERSIONS:
            self.found.update({(*above, key): set() for key in keys})
            return
        names = self._changed(above, keys, derived)
        if not names:
            return
        if len(keys) > 1:
            half = len(keys) // 2
            self._among(above, keys[:half], derived)
            self._among(above, keys[half:], derived)
            return
        path = (*above, *keys)
        part = _at(self._message, path)
        self.found[path] = names
        if isinstance(part, dict) and len(path) < _DEEPEST:
            self.below(path, {name: derived[name] for name in names if not _says(part, derived[name])})

    def _changed(self, above: Path, keys: list[str], derived: dict[str, Any]) -> set[str]:
        """Return the names of those parts of the event that change without these parts of the message."""
        if not keys or not derived:
            return set()
        self._conversions += 2
        # If another part has an equal value, only a different value shows which of the two was taken.
        events = [self._convert(_changing(self._message, above, keys, other)) for other in (None, _OTHER)]
        return {name for name, value in derived.items() if any(event.get(name, _MISSING) != value for event in events)}


def _changing(message: dict[str, Any], above: Path, keys: Collection[str], other: str | None) -> dict[str, Any]:
    """Return the message without some parts, or with another text for each text in them."""
    changed = dict(message)
    if above:
        changed[above[0]] = _changing(changed[above[0]], above[1:], keys, other)
        return changed
    for key in keys:
        if other is None:
            del changed[key]
        else:
            changed[key] = _with_other_texts(changed[key], other)
    return changed


def _with_other_texts(part: Any, other: str, levels: int = _DEEPEST) -> Any:
    if isinstance(part, dict) and levels:
        return {key: _with_other_texts(inner, other, levels - 1) for key, inner in part.items()}
    return other if isinstance(part, str) else part


def _parts(message: dict[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each part of a message that the conversion may look at, from outside to inside."""
    for key, value in message.items():
        yield (*above, key), value
        if isinstance(value, dict) and len(above) + 1 < _DEEPEST:
            yield from _parts(value, (*above, key))


def _flat(event: Event, opened: Collection[str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return an event by its parts' names, and for each the path from which it may be a plain copy."""
    flat = {name: value for name, value in event.items() if name != "properties"}
    copies: dict[str, Path] = {}
    for name, value in event["properties"].items():
        if name in opened and isinstance(value, dict) and value:
            for key, inner in value.items():
                flat[f"{name}.{key}"] = inner
                copies[f"{name}.{key}"] = ("traits", key)
        elif name != "distinct_id":  # the same as the event's
            shown = f"properties.{name}" if name in flat else name
            flat[shown] = value
            copies[shown] = ("properties", name)
    return flat, copies


def _property(name: str, message: dict[str, Any], settings: dict[str, str]) -> Any:
    return to_posthog(message, **settings)["properties"].get(name, _MISSING)  # type: ignore[arg-type]


def _at(message: dict[str, Any], path: Path) -> Any:
    value: Any = message
    for key in path:
        value = _dict(value).get(key, _MISSING)
    return value


def _says(part: Any, value: Any) -> bool:
    """Whether a part of the message has the value of a part of the event, be it as text."""
    if type(part) is type(value):
        return bool(part == value)
    return isinstance(value, str) and not isinstance(part, (dict, list)) and str(part) == value


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
