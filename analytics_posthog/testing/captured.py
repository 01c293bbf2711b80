"""For an app's tests: `with capture() as captured:` keeps every call instead of sending it, to assert what was called.

Nothing is sent, no thread is started and no key is needed, whatever the settings are. Everything else is as in
production. It works with pytest (`analytics_posthog.pytest_plugin` has a fixture), unittest, or anything else; pytest
isn't imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from .._delivery import counted, log
from ..convert import Person, person_of
from .capturing import Capture, Nothing, begin, end
from .expected import ANYTHING, Expected, listed
from .snapshot import stable

__all__ = ["Captured", "capture", "send_nothing"]

__tracebackhide__ = True  # pytest's way to leave frames out of a failure's traceback, and unittest's
__unittest = True


_MAX_LISTED: Final = 20  # calls


class Captured:
    """The calls that were made. A failed assertion shows the nearest call and its differences, path by path.

    The arguments of an assertion are those of the call. An argument that is left out may have any value. An expected
    dict may have only some of the keys, at every level. An expected value is an equal one (also `unittest.mock.ANY` and
    the like), or a function that takes the value and returns a bool. The function is called only for calls whose event,
    name and ids fit. Its errors are raised; so is TypeError if it doesn't return a bool. `times` is the number of such
    calls, by default one or more. `absent` are keys that the properties or traits must not have, such as "email" or
    "address.street". With `exact`, properties and traits must have the expected keys alone, at every level. Each
    assertion returns the first such message.
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

    def __len__(self) -> int:
        """Return how many calls would be sent."""
        return len(self._capture.kept)

    def __bool__(self) -> bool:
        """Return True: an empty one is one, too."""
        return True

    def __repr__(self) -> str:
        """Return the calls, a line each."""
        return f"<Captured: {self._listed()}>"

    def person(self, distinct_id: Any) -> Person:
        """Return what PostHog would know of a person: all ids, the properties, and the events, in order.

        `identify` and `alias` merge ids, as in PostHog. Raises LookupError if no call has this id.
        """
        found = person_of(self.events, str(distinct_id))
        if found is None:
            raise LookupError(f"no call has the id {distinct_id!r}\n{self._listed()}")
        return found

    def snapshot(self) -> list[dict[str, Any]]:
        """Return the messages with ids and times that are the same in each run, to compare with a stored list.

        A messageId becomes "<messageId 1>", "<messageId 2>", ...; a timestamp "<timestamp>". The library in the context
        is left out, and so are fields that hold nothing.
        """
        return stable(self.messages)

    def assert_tracked(
        self,
        event: Any,
        *,
        user_id: Any = ANYTHING,
        properties: Any = ANYTHING,
        anonymous_id: Any = ANYTHING,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
        absent: Iterable[str] = (),
        exact: bool = False,
    ) -> dict[str, Any]:
        """Assert that `track` was called with these arguments."""
        return self._assert("track", locals())

    def assert_identified(
        self,
        user_id: Any = ANYTHING,
        traits: Any = ANYTHING,
        *,
        anonymous_id: Any = ANYTHING,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
        absent: Iterable[str] = (),
        exact: bool = False,
    ) -> dict[str, Any]:
        """Assert that `identify` was called with these arguments."""
        return self._assert("identify", locals())

    def assert_page(
        self,
        name: Any = ANYTHING,
        *,
        category: Any = ANYTHING,
        user_id: Any = ANYTHING,
        properties: Any = ANYTHING,
        anonymous_id: Any = ANYTHING,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
        absent: Iterable[str] = (),
        exact: bool = False,
    ) -> dict[str, Any]:
        """Assert that `page` was called with these arguments."""
        return self._assert("page", locals())

    def assert_screen(
        self,
        name: Any = ANYTHING,
        *,
        category: Any = ANYTHING,
        user_id: Any = ANYTHING,
        properties: Any = ANYTHING,
        anonymous_id: Any = ANYTHING,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
        absent: Iterable[str] = (),
        exact: bool = False,
    ) -> dict[str, Any]:
        """Assert that `screen` was called with these arguments."""
        return self._assert("screen", locals())

    def assert_group(
        self,
        group_id: Any = ANYTHING,
        traits: Any = ANYTHING,
        *,
        user_id: Any = ANYTHING,
        anonymous_id: Any = ANYTHING,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
        absent: Iterable[str] = (),
        exact: bool = False,
    ) -> dict[str, Any]:
        """Assert that `group` was called with these arguments."""
        return self._assert("group", locals())

    def assert_alias(
        self,
        previous_id: Any = ANYTHING,
        user_id: Any = ANYTHING,
        *,
        context: Any = ANYTHING,
        timestamp: Any = ANYTHING,
        times: int | None = None,
    ) -> dict[str, Any]:
        """Assert that `alias` was called with these arguments."""
        return self._assert("alias", locals())

    def assert_not_tracked(self, event: Any, *, user_id: Any = ANYTHING, properties: Any = ANYTHING) -> None:
        """Assert that `track` was not called with these arguments."""
        expected = Expected.of("track", locals())
        if any(expected.fits(message) for message in self.messages):
            raise AssertionError(f"{expected.words()} was called\n{self._listed()}")

    def assert_nothing_sent(self) -> None:
        """Assert that no call was made that would be sent."""
        if self.messages:
            raise AssertionError(f"{counted(len(self), 'call')} would be sent, none was expected\n{self._listed()}")

    def _assert(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        expected, times = Expected.of(call, arguments), arguments["times"]
        found = [message for message in self.messages if expected.fits(message)]
        if len(found) == times or (found and times is None):
            return found[0] if found else {}
        raise AssertionError(self._failure(expected, len(found), times))

    def _failure(self, expected: Expected, found: int, times: int | None) -> str:
        """Say what is missing, why it was not sent, where the nearest call differs, and which other calls were made."""
        wanted, call = expected.words(), expected.call
        if found:
            return f"{wanted} was called {counted(found, 'time')}, expected {times}\n{self._listed()}"
        lines = [f"{wanted} was not called"]
        reasons = [
            why for message, why in self.not_sent if message.get("type") == call and not expected.differences(message)
        ]
        if reasons:
            lines = [f"{wanted} was called but not sent: {'; '.join(dict.fromkeys(reasons))}"]
        alike = [(number, message) for number, message in enumerate(self.messages, 1) if message["type"] == call]
        if alike:
            number, nearest = min(alike, key=lambda each: expected.distance(each[1]))
            lines.append(f"the nearest call, number {number}, differs:")
            lines += [f"  {path}: {text}" for path, text in expected.differences(nearest)]
        return "\n".join([*lines, self._listed()])

    def _listed(self) -> str:
        """List the calls, only the last ones if there are many."""
        messages = self.messages
        if not messages:
            return "nothing was called that would be sent"
        first = max(0, len(messages) - _MAX_LISTED)
        title = f"called were {len(messages)}, the last {_MAX_LISTED}:" if first else "called were:"
        return "\n".join([title, *listed(messages[first:], first + 1)])


@contextmanager
def capture() -> Iterator[Captured]:
    """Keep all calls instead of sending them: those of the module and of every client, old and new, in all threads.

    `flush()` and `shutdown()` answer as if PostHog had taken everything. With nested captures the innermost keeps the
    calls. Events that were queued before are still sent, and neither function waits for them: flush before, if that
    matters. At the end all clients, also the default one, and the logger's level and handlers are as before. A client
    that was made inside never sends anything. The module's settings keep the values set inside: an app may set them
    only once.
    """
    calls = Capture()
    with _captured(calls):
        yield Captured(calls)


@contextmanager
def send_nothing() -> Iterator[None]:
    """Keep anything from being sent, as `capture` does, and keep no calls: for a whole run of tests."""
    with _captured(Nothing()):
        yield


@contextmanager
def _captured(calls: Capture) -> Iterator[None]:
    module: Any = sys.modules[__name__.partition(".")[0]]
    default_client, level, handlers = module.default_client, log.level, list(log.handlers)
    begin(calls)
    try:
        yield
    finally:
        module.default_client = default_client
        log.setLevel(level)
        log.handlers[:] = handlers
        end(calls)
