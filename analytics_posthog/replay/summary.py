"""The summary of a replay: numbers that can be added up, saved as JSON and sent between machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

_MOST_NAMES: Final = 1000  # of events, because an archive may have a new name in each line
CONSENT: Final = "with a consent object"
REFUSAL: Final = "with a consent object that says no to a category"
OTHER_EVENTS: Final = "(other events)"


@dataclasses.dataclass(frozen=True)
class Summary:
    """The outcome of a file's messages; `a + b` adds two summaries.

    `calls` and `events` count the delivered messages by Segment's call and by the name of PostHog's event. `rejected`
    counts the lines that can't be sent, and `skipped` the messages that were not chosen, each by the reason. `consent`
    counts the delivered messages that have a consent object, and those of them that say no to a category. `first`
    and `last` are the earliest and the latest time of the chosen messages, in UTC. `seconds` is the time it took.
    """

    delivered: int = 0
    calls: Mapping[str, int] = dataclasses.field(default_factory=dict)
    events: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    consent: Mapping[str, int] = dataclasses.field(default_factory=dict)
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
            _sum(self.consent, other.consent),
            min(filter(None, (self.first, other.first)), default=None),
            max(filter(None, (self.last, other.last)), default=None),
            self.seconds + other.seconds,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a dict for JSON. `Summary(**values)` makes a Summary from it."""
        return dataclasses.asdict(self)


def consent_counts(categories: Mapping[str, Any]) -> list[str]:
    """Return the names under which a message with these categories of consent is counted."""
    if not categories:
        return []
    return [CONSENT, REFUSAL] if False in categories.values() else [CONSENT]


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    added = dict(one)
    for key, count in other.items():
        if key not in added and len(added) >= _MOST_NAMES:
            key = OTHER_EVENTS
        added[key] = added.get(key, 0) + count
    return added
