"""Which messages of an archive are sent: by their time, call, event, consent and `integrations`. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from .._delivery import KEPT_AWAY
from .._message import Message, parse_time
from .._settings import check_conversion
from ..convert import EVENTS, GroupType, wanted
from ..errors import InvalidSetting

FROM_UNTIL: Final = "from --until on"
SKIPPED_EVENT: Final = "in --skip-events: "  # the pattern follows


class Choice(NamedTuple):
    """Which messages are sent, and how they are converted. Made by `checked_choice`."""

    since: datetime | None
    until: datetime | None
    only: frozenset[str]
    skip_events: frozenset[str]
    require_consent: frozenset[str]
    set_once: bool
    group_type: GroupType
    person_profiles: str

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as values for JSON; a function by its name."""
        return {key: _as_json(value) for key, value in self._asdict().items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return getattr(value, "__qualname__", type(value).__name__) if callable(value) else value


def checked_choice(
    period: tuple[Any, Any],
    only: Any,
    skip_events: Any,
    require_consent: Any = (),
    *,
    set_once: bool,
    group_type: GroupType,
    person_profiles: str,
) -> Choice:
    """Return a Choice from the caller's options; `period` is since and until. Raises InvalidSetting."""
    check_conversion(group_type, person_profiles)
    calls = frozenset(only or EVENTS)
    if not calls <= EVENTS.keys():
        raise InvalidSetting(f"only must name calls of {', '.join(EVENTS)}")
    skipped = [skip_events] if isinstance(skip_events, str) else skip_events
    required = [require_consent] if isinstance(require_consent, str) else require_consent
    since, until = _moment("since", period[0]), _moment("until", period[1])
    if since is not None and until is not None and since >= until:
        raise InvalidSetting("since must be before until: there is no time between them")
    chosen = (since, until, calls, frozenset(skipped), frozenset(required))
    return Choice(*chosen, bool(set_once), group_type, person_profiles)


def _moment(name: str, value: Any) -> datetime | None:
    moment = parse_time(value) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), timezone.utc)
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    if value is None:
        return None
    got = f", got {value!r}" if isinstance(value, str) else ""
    raise InvalidSetting(f"{name} must be a date or a time, such as 2024-05-31 or 2024-05-31T12:00:00Z{got}")


class Skipped(Exception):
    """A message that is not sent. The text is the reason."""


def why_skipped(choice: Choice, message: Message, call: str, moment: datetime) -> str | None:
    """Return why a message is not sent; None if it is."""
    if choice.since is not None and moment < choice.since:
        return "before --since"
    if choice.until is not None and moment >= choice.until:
        return FROM_UNTIL
    if call not in choice.only:
        return "not in --only"
    if call == "track":
        for pattern in sorted(choice.skip_events):
            if _matches(message["event"], pattern):
                return f"{SKIPPED_EVENT}{pattern}"
    if choice.require_consent:
        consent = consent_of(message)
        for category in sorted(choice.require_consent):
            if consent.get(category) is not True:
                return f"no consent to {category}"
    return None if wanted(message) else KEPT_AWAY


def _matches(name: str, pattern: str) -> bool:
    """Whether an event has this name, or one that fits a pattern with * or ?. Brackets mean themselves."""
    return name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))


def consent_of(message: Message) -> dict[str, Any]:
    """Return the categories of a message's consent object; {} without one.

    Segment's form: https://segment.com/docs/privacy/consent-management/consent-in-segment-connections/
    """
    found: Any = message
    for key in ("context", "consent", "categoryPreferences"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
