"""What a replay has done, in numbers: plain data, to be added up, kept in a file and sent between machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

_MOST_NAMES: Final = 1000  # events; an archive that makes up names must not make us remember them all
OTHER_EVENTS: Final = "(other events)"


@dataclasses.dataclass(frozen=True)
class Summary:
    """What became of a file's messages; `a + b` adds two up.

    `calls` and `events` count the delivered ones by Segment's call and by PostHog's event. `rejected` counts lines by the reason why
    they can't be sent, `skipped` messages by what kept them from being sent. `first` and `last` are the times of the messages to be
    sent, in UTC. `seconds` is what it took.
    """

    delivered: int = 0
    calls: Mapping[str, int] = dataclasses.field(default_factory=dict)
    events: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    seconds: float = 0.0

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.delivered + other.delivered,
            _sum(self.calls, other.calls),
            _sum(self.events, other.events),
            _sum(self.rejected, other.rejected),
            _sum(self.skipped, other.skipped),
            min(filter(None, (self.first, other.first)), default=None),
            max(filter(None, (self.last, other.last)), default=None),
            self.seconds + other.seconds,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the same as a dict for JSON; `Summary(**it)` makes it a Summary again."""
        return dataclasses.asdict(self)


def total(summaries: Iterable[Summary]) -> Summary:
    """Add up."""
    return sum(summaries, Summary())


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    added = dict(one)
    for key, count in other.items():
        if key not in added and len(added) >= _MOST_NAMES:
            key = OTHER_EVENTS
        added[key] = added.get(key, 0) + count
    return added
