"""For an app's tests: `with capture() as captured:` keeps every call instead of sending it, to assert what was called.

Nothing is sent, no thread is started and no key is needed, whatever the settings are. Everything else is as in
production. It works with pytest (`analytics_posthog.pytest_plugin` has a fixture), unittest, or anything else; pytest
isn't imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from .._delivery import log
from .capturing import Capture, begin, end
from .difference import Differences, differences, nearness, shown

__all__ = ["Captured", "capture"]

__tracebackhide__ = True  # pytest's way to leave frames out of a failure's traceback, and unittest's
__unittest = True


class _Anything:
    """The default of an assertion's arguments: any value will do."""

    def __repr__(self) -> str:
        return "anything"


_ANYTHING: Final[Any] = _Anything()
_MAX_LISTED: Final = 20  # calls
_MAX_LINE: Final = 160  # characters

# The calls' arguments and the message's fields for them, in the order in which a failure shows them.
_FIELDS: Final = {
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
_OF_EVERY_CALL: Final = ("context", "timestamp")


class Captured:
    """The calls that were made. A failed assertion shows the nearest call and its differences, path by path.

    The arguments of an assertion are those of the call. An argument that is left out may have any value. An expected
    dict may have only some of the keys, at every level. An expected value is an equal one (also `unittest.mock.ANY` and
    the like), or a function that takes the value and returns a bool. The function is called only for calls whose event,
    name and ids fit. Its errors are raised; so is TypeError if it doesn't return a bool. `times` is the number of such
    calls, by default one or more. Each assertion returns the first such message.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The Segment messages that would be sent, in the order of the calls."""
        return [message for message, _ in self._capture.kept]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The PostHog events of these messages, as they would be sent."""
        return [event for _, event in self._capture.kept]

    @property
    def not_sent(self) -> list[tuple[dict[str, Any], str]]:
        """The messages that would not be sent, each with why: `integrations`, `before_send`, or the call's error."""
        return list(self._capture.not_sent)

    def clear(self) -> None:
        """Forget all calls so far."""
        self._capture.clear()

    def assert_tracked(
        self,
        event: Any,
        *,
        user_id: Any = _ANYTHING,
        properties: Any = _ANYTHING,
        anonymous_id: Any = _ANYTHING,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `track` was called with these arguments."""
        return self._assert("track", locals())

    def assert_identified(
        self,
        user_id: Any = _ANYTHING,
        traits: Any = _ANYTHING,
        *,
        anonymous_id: Any = _ANYTHING,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `identify` was called with these arguments."""
        return self._assert("identify", locals())

    def assert_page(
        self,
        name: Any = _ANYTHING,
        *,
        category: Any = _ANYTHING,
        user_id: Any = _ANYTHING,
        properties: Any = _ANYTHING,
        anonymous_id: Any = _ANYTHING,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `page` was called with these arguments."""
        return self._assert("page", locals())

    def assert_screen(
        self,
        name: Any = _ANYTHING,
        *,
        category: Any = _ANYTHING,
        user_id: Any = _ANYTHING,
        properties: Any = _ANYTHING,
        anonymous_id: Any = _ANYTHING,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `screen` was called with these arguments."""
        return self._assert("screen", locals())

    def assert_group(
        self,
        group_id: Any = _ANYTHING,
        traits: Any = _ANYTHING,
        *,
        user_id: Any = _ANYTHING,
        anonymous_id: Any = _ANYTHING,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `group` was called with these arguments."""
        return self._assert("group", locals())

    def assert_alias(
        self,
        previous_id: Any = _ANYTHING,
        user_id: Any = _ANYTHING,
        *,
        context: Any = _ANYTHING,
        timestamp: Any = _ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `alias` was called with these arguments."""
        return self._assert("alias", locals())

    def assert_not_tracked(self, event: Any, *, user_id: Any = _ANYTHING, properties: Any = _ANYTHING) -> None:
        """Assert that `track` was not called with these arguments."""
        expected = _given(locals())
        if any(_fits("track", expected, message) for message in self.messages):
            raise AssertionError(f"{_call('track', expected)} was called\n{self._listed()}")

    def assert_nothing_sent(self) -> None:
        """Assert that no call was made that would be sent."""
        if self.messages:
            raise AssertionError(f"{len(self.messages)} call(s) would be sent, none was expected\n{self._listed()}")

    def _assert(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        expected, times = _given(arguments), arguments["times"]
        found = [message for message in self.messages if _fits(call, expected, message)]
        if len(found) == times or (found and times is None):
            return found[0] if found else {}
        raise AssertionError(self._failure(call, expected, len(found), times))

    def _failure(self, call: str, expected: dict[str, Any], found: int, times: int | None) -> str:
        """Say what is missing, why it was not sent, where the nearest call differs, and which other calls were made."""
        wanted = _call(call, expected)
        if found:
            return f"{wanted} was called {found} time(s), expected {times}\n{self._listed()}"
        lines = [f"{wanted} was not called"]
        reasons = [
            why for message, why in self.not_sent if message.get("type") == call and not _differences(expected, message)
        ]
        if reasons:
            lines = [f"{wanted} was called but not sent: {'; '.join(dict.fromkeys(reasons))}"]
        alike = [(number, message) for number, message in enumerate(self.messages, 1) if message["type"] == call]
        if alike:
            number, nearest = min(alike, key=lambda each: _distance(expected, each[1]))
            lines.append(f"the nearest call, number {number}, differs:")
            lines += [f"  {path}: {text}" for path, text in _differences(expected, nearest)]
        return "\n".join([*lines, self._listed()])

    def _listed(self) -> str:
        """List the calls, only the last ones if there are many."""
        messages = self.messages
        if not messages:
            return "nothing was called that would be sent"
        first = max(0, len(messages) - _MAX_LISTED)
        lines = [f"called were {len(messages)}, the last {_MAX_LISTED}:" if first else "called were:"]
        for number, message in enumerate(messages[first:], first + 1):
            line = f"  {number}. {_call(message['type'], _arguments(message))}"
            lines.append(line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}...")
        return "\n".join(lines)


@contextmanager
def capture() -> Iterator[Captured]:
    """Keep all calls instead of sending them: those of the module and of every client, old and new, in all threads.

    `flush()` and `shutdown()` answer as if PostHog had taken everything. With nested captures the innermost keeps the
    calls. Events that were queued before are still sent, and neither function waits for them: flush before, if that
    matters. At the end all clients, also the default one, and the logger's level and handlers are as before. A client
    that was made inside never sends anything. The module's settings keep the values set inside: an app may set them
    only once.
    """
    module: Any = sys.modules[__name__.partition(".")[0]]
    calls = Capture()
    default_client, level, handlers = module.default_client, log.level, list(log.handlers)
    begin(calls)
    try:
        yield Captured(calls)
    finally:
        module.default_client = default_client
        log.setLevel(level)
        log.handlers[:] = handlers
        end(calls)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in _FIELDS if arguments.get(name, _ANYTHING) is not _ANYTHING}


def _arguments(message: dict[str, Any]) -> dict[str, Any]:
    """Return a call's own arguments, without empty ones and without those that every message has."""
    own = [name for name in _FIELDS if name not in _OF_EVERY_CALL]
    return {name: message[_FIELDS[name]] for name in own if message.get(_FIELDS[name]) not in (None, {})}


def _fits(call: str, expected: dict[str, Any], message: dict[str, Any]) -> bool:
    """Whether a call is as expected. Stops at the first difference, so a function never sees another event's values."""
    if message["type"] != call:
        return False
    return not any(True for name, value in expected.items() for _ in differences(_FIELDS[name], value, message, name))


def _differences(expected: dict[str, Any], message: dict[str, Any]) -> Differences:
    """Return all differences. A function's error is one, because here it may see another event's values."""
    found: Differences = []
    for name, value in expected.items():
        try:
            found += differences(_FIELDS[name], value, message, name)
        except Exception as error:
            found.append((name, f"the function that is expected raised {type(error).__name__}: {error}"))
    return found


def _distance(expected: dict[str, Any], message: dict[str, Any]) -> tuple[float, int]:
    """Return how far a call is from the expected one: first by its name, then by the number of differences."""
    name = next((name for name in ("event", "name") if name in expected), None)
    far = 0.0 if name is None else 1.0 - nearness(expected[name], message.get(name))
    return far, len(_differences(expected, message))


def _call(call: str, arguments: dict[str, Any]) -> str:
    """Return a call as the app writes it."""
    return f"{call}({', '.join(f'{name}={shown(value)}' for name, value in arguments.items())})"
