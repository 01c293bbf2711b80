"""The tracking plan: each event, with its properties and the places that send it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .calls import CallSite


class PlannedEvent(NamedTuple):
    """An event of the plan. `whole`: no call of it has properties that are only known at run time."""

    call: str
    event: str
    posthog: str
    properties: list[str]
    whole: bool
    places: list[str]


def plan_of(calls: Iterable[CallSite]) -> list[PlannedEvent]:
    """Return the plan of these calls, in the order of calls and names."""
    found: dict[tuple[str, str], list[CallSite]] = {}
    for site in calls:
        found.setdefault((site.call, site.event or ""), []).append(site)
    return [
        PlannedEvent(
            call,
            event,
            sites[0].posthog,
            sorted({name for site in sites for name in site.properties}),
            all(site.whole for site in sites),
            [f"{site.file}:{site.line}" for site in sites],
        )
        for (call, event), sites in sorted(found.items())
    ]
