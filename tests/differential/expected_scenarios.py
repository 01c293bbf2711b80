"""The scenarios that are meant to end otherwise than with Segment's client, with the words of docs/differences.md."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import OURS, SEGMENT

from .scenarios import Scenario, scenarios

_AT_ONCE: Final = 6


class Otherwise(NamedTuple):
    """Scenarios whose name matches `names` end as `ours` says: a value, or a function of the name."""

    says: str
    names: str
    ours: Any


def _after_its_end(steps: str) -> object:
    said: list[bool] = []
    arrived: list[str] = []
    is_open = True
    for number, step in enumerate(steps.split()):
        said.append(is_open and step == "track")
        if said[-1]:
            arrived.append(f"u{number}")
        is_open = is_open and step not in ("join", "shutdown")
    return said, arrived


OTHERWISE: Final = (
    Otherwise('`write_key = ""` means that nothing is sent', r"Client\(write_key=''\)", (["made", True], [])),
    Otherwise('`write_key = ""` means that nothing is sent', r"analytics.write_key = ''", (True, False, [])),
    Otherwise(
        "Settings that can't work are an error that names them",
        r"Client\(host=(5|'no address'|'ftp:.*'|'http://')\)",
        (["raises AssertionError"], []),
    ),
    Otherwise(
        "Settings that can't work are an error that names them",
        r"analytics.host = (5|'no address'|'ftp:.*'|'http://')",
        ("raises AssertionError", False, []),
    ),
    Otherwise(
        "`upload_interval = 0` sends at once. Segment's client then sent nothing",
        r"Client\(upload_interval=0\)",
        (["made", True], ["u1"]),
    ),
    Otherwise(
        "Without an answer they are also a `RequestException` of requests",
        "answer (reset|lost)",
        ([True], False, [(True, True, None)]),
    ),
    Otherwise(
        "Without an answer they are also a `RequestException` of requests",
        r"answers \['reset', 'reset', 'reset'\]",
        (0, [(True, True, None)]),
    ),
    Otherwise(
        "A `Client` that was shut down answers `(False, message)`",
        "((track|flush|join|shutdown) ?){5}",
        _after_its_end,
    ),
    Otherwise("on a living client", "client.host = 'another'", ((None, True), ["u1"], ["u2"])),
    Otherwise(
        "`client.queue` and `client.consumers` can't be replaced",
        r"client.(queue|consumers) = .*",
        (("raises AssertionError", True), ["u1", "u2"], []),
    ),
)


def unexplained(scenario: Scenario) -> str | None:
    """Put both clients through a scenario. Return what differs without a rule for it; None if nothing does."""
    seen = []
    for kit in (SEGMENT, OURS):
        with PostHogServer() as server:
            try:
                seen.append(scenario.run(kit, server))
            except (AttributeError, AssertionError) as error:  # a client that is broken by what was done to it
                seen.append(type(error).__name__)
    theirs, ours = seen
    rule = next((rule for rule in OTHERWISE if re.fullmatch(rule.names, scenario.name)), None)
    expected = theirs if rule is None else rule.ours(scenario.name) if callable(rule.ours) else rule.ours
    return None if ours == expected else f"{scenario.name}: Segment {theirs}, ours {ours}, expected {expected}"


def all_unexplained() -> list[str]:
    """Go through all scenarios, several at the same time; those of the module one after the other."""
    every = list(scenarios())
    of_the_module = [one for one in every if one.name.startswith("analytics.")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        module = pool.submit(lambda: [unexplained(one) for one in of_the_module])
        others = pool.map(unexplained, [one for one in every if one not in of_the_module])
        return [text for text in [*others, *module.result()] if text is not None]
