"""What an assertion expects of a call: the arguments that it was given, and how far a message is from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from .difference import Differences, differences, nearness, shown

__tracebackhide__ = True  # pytest's way to leave frames out of a failure's traceback, and unittest's
__unittest = True


class _Anything:
    """The default of an assertion's arguments: any value will do."""

    def __repr__(self) -> str:
        return "anything"


ANYTHING: Final[Any] = _Anything()

# The calls' arguments and the message's fields for them, in the order in which a failure shows them.
FIELDS: Final = {
    "event": "event",
    "name": "name",
    "category": "category",
    "previous_id": "previousId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "properties": "properties",
    "traits": "traits",
    "context": "context",
    "timestamp": "timestamp",
}
_MAX_LINE: Final = 160  # characters
_OF_EVERY_CALL: Final = ("context", "timestamp")
_OWN: Final = ("properties", "traits")  # dicts that are the call's alone; `exact` and `absent` are about them


class Expected(NamedTuple):
    """What a call must be: its type, its arguments, the keys that must not be there, and whether no others may be."""

    call: str
    arguments: dict[str, Any]
    absent: tuple[str, ...] = ()
    exact: bool = False

    @classmethod
    def of(cls, call: str, arguments: dict[str, Any]) -> Expected:
        """Return what an assertion expects, from its own arguments. Raises TypeError for a wrong `absent`."""
        absent = arguments.get("absent", ())
        if isinstance(absent, str) or not all(isinstance(key, str) for key in absent):
            raise TypeError('absent must be a list of keys, such as ["email", "address.street"]')
        given = {name: arguments[name] for name in FIELDS if arguments.get(name, ANYTHING) is not ANYTHING}
        return cls(call, given, tuple(absent), arguments.get("exact", False))

    def fits(self, message: dict[str, Any]) -> bool:
        """Whether a call is as expected. Stops at the first difference: a function sees no other event's values."""
        if message["type"] != self.call:
            return False
        return not any(True for name in self.arguments for _ in self._differences_of(name, message)) and not any(
            self._present(message)
        )

    def differences(self, message: dict[str, Any]) -> Differences:
        """Return all differences. A function's error is one, because here it may see another event's values."""
        found: Differences = []
        for name in self.arguments:
            try:
                found += self._differences_of(name, message)
            except Exception as error:
                found.append((name, f"the function that is expected raised {type(error).__name__}: {error}"))
        return [*found, *self._present(message)]

    def distance(self, message: dict[str, Any]) -> tuple[float, int]:
        """Return how far a call is from the expected one: first by its name, then by the number of differences."""
        name = next((name for name in ("event", "name") if name in self.arguments), None)
        far = 0.0 if name is None else 1.0 - nearness(self.arguments[name], message.get(name))
        return far, len(self.differences(message))

    def words(self) -> str:
        """Return the call as the app writes it, with what is expected of it."""
        more = {"absent": list(self.absent)} if self.absent else {}
        return call_text(self.call, {**self.arguments, **more, **({"exact": True} if self.exact else {})})

    def _differences_of(self, name: str, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        exact = self.exact and name in _OWN
        return differences(FIELDS[name], self.arguments[name], message, name, exact=exact)

    def _present(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield a difference for each key that must be absent and is there."""
        name = next((name for name in _OWN if name in message), "")
        for path in self.absent:
            found: Any = message.get(name)
            for key in path.split("."):
                found = found[key] if isinstance(found, dict) and key in found else ANYTHING
            if found is not ANYTHING:
                yield f"{name}.{path}", f"expected to be absent, got {shown(found)}"


def arguments_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return a call's own arguments, without empty ones and without those that every message has."""
    own = [name for name in FIELDS if name not in _OF_EVERY_CALL]
    return {name: message[FIELDS[name]] for name in own if message.get(FIELDS[name]) not in (None, {})}


def listed(messages: Iterable[dict[str, Any]], first: int = 1) -> list[str]:
    """Return a line for each call, numbered."""
    lines = []
    for number, message in enumerate(messages, first):
        line = f"  {number}. {call_text(message['type'], arguments_of(message))}"
        lines.append(line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}...")
    return lines


def call_text(call: str, arguments: dict[str, Any]) -> str:
    """Return a call as the app writes it."""
    return f"{call}({', '.join(f'{name}={shown(value)}' for name, value in arguments.items())})"
