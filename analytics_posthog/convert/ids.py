"""The ids of an event: who it is of, which ids it merges, its groups, its session, and its uuid."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

from .._interrupts import is_interrupt
from .tables import CUT_ID, MAX_MERGE_KEY, REFUSED, REFUSED_EXACTLY, SEGMENT_GROUP

GroupType: TypeAlias = str | Callable[[dict[str, Any]], Any]
Warn: TypeAlias = Callable[[str, str], None]

_NAMESPACE: Final = uuid5(UUID(int=0), "PostHog").bytes
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def given(value: Any) -> bool:
    """Whether an id is given; 0 is one."""
    return value is not None and value != ""


def distinct_id_of(message: dict[str, Any]) -> str:
    """Return the userId, else the anonymousId, as text; "" if neither is given."""
    user_id, anonymous_id = message.get("userId"), message.get("anonymousId")
    return str(user_id) if given(user_id) else str(anonymous_id) if given(anonymous_id) else ""


def add_merge_id(properties: dict[str, Any], key: str, value: Any, distinct_id: str, warn: Warn) -> None:
    """Add an id to merge with distinct_id, as PostHog keeps it.

    An id that PostHog would refuse, and might drop the event for, is left out with a warning.
    """
    merge_id = "" if value is None else str(value)
    bare = merge_id
    for quote in "\"'":
        if len(bare) > 1 and bare[0] == bare[-1] == quote:
            bare = bare[1:-1]
            break
    too_general = not bare.strip() or bare.lower() in REFUSED or bare in REFUSED_EXACTLY
    kept = _as_kept(merge_id)
    if too_general or kept == _as_kept(distinct_id) or len(merge_id) > MAX_MERGE_KEY:
        why = "PostHog doesn't merge such an id (blank, too general, too long, or the same)"
        warn(key, f"left out {key}: {why}; the event is sent. Pass the person's own id")
    else:
        properties[key] = kept


def _as_kept(distinct_id: str) -> str:
    """Return the id as PostHog's ingestion keeps a distinct_id, so that both name the same person."""
    return distinct_id[:CUT_ID].replace("\0", "\ufffd")


def group_type_of(message: dict[str, Any], group_type: GroupType, warn: Warn) -> str:
    """Return PostHog's name for a message's group.

    A function gets the message, always with traits and properties. If it gives no name, a warning says so.
    """
    if isinstance(group_type, str):
        return group_type
    whole = {**message, "traits": dict_of(message.get("traits")), "properties": dict_of(message.get("properties"))}
    try:
        name = group_type(whole)
        why = f"returned {type(name).__name__}" if not isinstance(name, str) else "returned a blank name"
    except Exception as error:  # the app's own, whose text may hold data
        if is_interrupt(error):
            raise
        name, why = None, f"raised {type(error).__name__}"
    if isinstance(name, str) and name.strip():
        return name
    warn("group_type", f"the function group_type {why}, so the group's type is {SEGMENT_GROUP}. Return a name")
    return SEGMENT_GROUP


def check_session(properties: dict[str, Any], warn: Warn) -> None:
    """Leave a session id as PostHog wants it: a UUIDv7 in lower case.

    PostHog ignores another one silently, and warns of a `$window_id` without a session: it is left out.
    """
    session_id = properties.get("$session_id")
    if isinstance(session_id, str) and _is_version_7(session_id):
        properties["$session_id"] = session_id.lower()
        return
    if "$session_id" in properties:
        warn("$session_id", "$session_id is no UUIDv7, so PostHog ignores it. Take the one that posthog-js sends along")
    if properties.pop("$window_id", None) is not None:
        warn("$window_id", "left out $window_id: PostHog takes it only with a $session_id that is a UUIDv7. Pass both")


def _is_version_7(text: str) -> bool:
    try:
        return UUID(text).version == 7
    except ValueError:
        return False


def uuid_of(message_id: str) -> str:
    """Return str(uuid5(_NAMESPACE, message_id)), but faster. A lone surrogate counts as U+FFFD, as in JavaScript."""
    try:
        encoded = message_id.encode()
    except UnicodeEncodeError:
        encoded = message_id.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    digits = sha1(_NAMESPACE + encoded, usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def dict_of(value: Any) -> dict[str, Any]:
    """Return the value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}
