"""What earlier runs have sent of a file: up to which line, and of these lines the messages before which time. Pure.

A run with a later `until` than the one before sends of the lines that were read already only what is new.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

SENT: Final = "sent before"  # the reason of a line that is not sent again; it is not counted
_ALL: Final = datetime.max.replace(tzinfo=timezone.utc)  # without `until`, all times


class Sent(NamedTuple):
    """Parts of a file, one after the other: (last line, until). Of later lines nothing was sent."""

    parts: tuple[tuple[int, datetime], ...] = ()

    @property
    def last(self) -> int:
        """The last line that was read."""
        return self.parts[-1][0] if self.parts else 0

    def covers(self, line: int, moment: datetime) -> bool:
        """Whether a message of this line and time was sent, or left out for another reason than its time."""
        until = self.until(line)
        return until is not None and moment < until

    def until(self, line: int) -> datetime | None:
        """Return the time before which the messages of a line were sent; None for a line that wasn't read."""
        return next((until for last, until in self.parts if line <= last), None)

    def first_to_read(self, until: datetime | None) -> int:
        """Return the line after which a run with this `until` begins."""
        before = 0
        for last, done in self.parts:
            if done < (until or _ALL):
                return before
            before = last
        return before

    def with_run(self, line: int, until: datetime | None) -> Sent:
        """Return what is sent after a run with this `until` has come to a line."""
        made: list[tuple[int, datetime]] = []
        for last in sorted({*(last for last, _ in self.parts), line}):
            before = self.until(last) or datetime.min.replace(tzinfo=timezone.utc)
            now = max(before, until or _ALL) if last <= line else before
            if made and made[-1][1] == now:
                made[-1] = last, now
            else:
                made.append((last, now))
        return Sent(tuple(made))

    def as_json(self) -> list[list[Any]]:
        """Return a value for JSON."""
        return [[last, until.isoformat()] for last, until in self.parts]

    @classmethod
    def from_json(cls, value: Any) -> Sent:
        """Return what `as_json` made. Raises ValueError or TypeError."""
        return cls(tuple((int(last), datetime.fromisoformat(until)) for last, until in value))


NOTHING_SENT: Final = Sent()
