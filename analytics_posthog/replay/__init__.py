"""Sends Segment's archives to PostHog: file by file here, or many files at a time on many machines.

A file is the unit of work: `replay_file` needs only its arguments, and these and its result can be pickled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import date, datetime

from ..convert import SEGMENT_GROUP, GroupType
from .archive import STDIN as STDIN
from .archive import Unreadable as Unreadable
from .archive import find as find
from .archive import identity as identity
from .archive import is_url
from .archive import name_of as name_of
from .archive import opened as opened
from .choice import SKIPPED_EVENT as SKIPPED_EVENT
from .choice import Choice as Choice
from .choice import Skipped as Skipped
from .choice import checked_choice as checked_choice
from .event import LineEvent as LineEvent
from .event import Lines as Lines
from .lines import Line as Line
from .lines import readable as readable
from .run import Replay as Replay
from .sender import Interrupted as Interrupted
from .sender import PacedSender as PacedSender
from .sender import check_pace as check_pace
from .summary import CONSENT as CONSENT
from .summary import REFUSAL as REFUSAL
from .summary import Summary

# For apps. The other names imported here are for the command line.
__all__ = ["Summary", "replay_file", "sources"]

DEFAULT_RATE = 1800  # events a second; PostHog advises "a few thousand" at most


def sources(places: Iterable[str], *, exclude: Iterable[str] = ()) -> list[str]:
    """Return the files at `places`, each once, oldest first: replay them in this order.

    A place is a file, a directory, a glob, or a URL that fsspec knows (s3://, gs://). In a directory, hidden files and
    those in `exclude` don't count. Paths are absolute.

    Raises InvalidSetting for a place without a file, or if it needs a package that isn't installed.
    """
    return [file if is_url(file) or file == STDIN else os.path.abspath(file) for file in find(places, exclude=exclude)]


def replay_file(
    url: str,
    *,
    write_key: str,
    host: str | None = None,
    state: str | os.PathLike[str] | None = None,
    rejects: str | os.PathLike[str] | None = None,
    since: str | date | datetime | None = None,
    until: str | date | datetime | None = None,
    only: Iterable[str] = (),
    skip_events: Iterable[str] = (),
    require_consent: Iterable[str] = (),
    set_once: bool = False,
    rate: float = DEFAULT_RATE,
    group_type: GroupType = SEGMENT_GROUP,
    person_profiles: str = "always",
    max_retries: int = 10,
    on_progress: Callable[[Summary], object] | None = None,
) -> Summary:
    """Send a file of Segment messages to PostHog, and return the summary. A line is a message as JSON, gzip or not.

    `url` is a path, or a URL that fsspec knows. With a `state` directory, another call with the same arguments
    continues where this one stopped and sends nothing twice; its summary covers all calls. `rejects` is a file that
    gets each line that can't be sent, with its reason; many processes may append to it at the same time.

    Messages are sent from `since` on and before `until`, of the calls in `only` (default: all). Track calls whose event
    is in `skip_events`, or fits a pattern in it (`Debug *`), are left out. With `require_consent`, only those whose
    context.consent says yes to these categories. An archive holds also what Segment's Destination Filters and Consent
    Management kept from PostHog. `set_once` sends traits as $set_once, so that old ones don't overwrite newer ones.
    `rate` is the most events a second, 0 for no limit. `on_progress(summary)` is called after each batch.

    Raises InvalidSetting, and DeliveryError if PostHog can't be reached or refuses the key. Raises AnalyticsError for a
    file that can't be read, and OSError if state or rejects can't be written.
    """
    choice = checked_choice(
        (since, until),
        only,
        skip_events,
        require_consent,
        set_once=set_once,
        group_type=group_type,
        person_profiles=person_profiles,
    )
    sender = PacedSender(write_key, host, rate=rate, max_retries=max_retries)
    try:
        on_portion = None if on_progress is None else lambda summary, _: on_progress(summary)
        return Replay(choice, sender, state=state, rejects=rejects, on_portion=on_portion).run(url)
    finally:
        sender.close()
