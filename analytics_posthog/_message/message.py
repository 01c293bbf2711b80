"""Makes a call's message: checks the arguments, fixes the ids and the time, cleans the values. Sends nothing.

The form is that of Segment's Python client (https://segment.com/docs/connections/spec/common/).
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from .._interrupts import is_interrupt
from ..errors import InvalidMessage
from ..version import VERSION
from .ids import new_id
from .kinds import describe, kind_name
from .plain import WIDEST, plain_copy, text
from .times import now_text, timestamp_text
from .values import Pass, clean_field

Message: TypeAlias = dict[str, Any]


class Form(NamedTuple):
    """The fields of a call's message, apart from `type`, `timestamp` and `messageId`, and the ids that it needs."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    dicts: tuple[str, ...]
    needed: tuple[str, ...] = ()


_WHO: Final = ("userId", "anonymousId")  # every call but alias needs one of the two
_DICTS: Final = ("integrations", "context")
FORMS: Final = {
    "track": Form(_WHO, ("event",), ("properties", *_DICTS)),
    "identify": Form(_WHO, (), ("traits", *_DICTS)),
    "page": Form(_WHO, ("name", "category"), ("properties", *_DICTS)),
    "screen": Form(_WHO, ("name", "category"), ("properties", *_DICTS)),
    "group": Form((*_WHO, "groupId"), (), ("traits", *_DICTS), needed=("groupId",)),
    "alias": Form((*_WHO, "previousId"), (), _DICTS, needed=("previousId", "userId")),
}
_OTHER: Final = Form(_WHO, (), _DICTS)  # a type of a subclass's own
_ARGUMENTS: Final = {"userId": "user_id", "groupId": "group_id", "previousId": "previous_id"}
# All that complete() looks at by its name; any other field has its values cleaned.
_NO_VALUES: Final = frozenset(
    {"type", "timestamp", "messageId"}.union(*(form.ids + form.texts for form in FORMS.values()))
)
TAGS: Final = "posthog"  # the field for PostHog's own request context
_ID_TYPES: Final = (str, Number, UUID)
_FORM_SIZE: Final = 500  # bytes of JSON that every message has


def complete(message: Message, done: Pass, *, checked: bool = False) -> Message:
    """Return a clean, complete copy of a call's arguments: checked, with messageId, timestamp and `context.library`.

    With `checked`, `check` has seen the arguments. A subclass of Client may have changed the message since: fields may
    be missing, and the type may be one of its own. Raises InvalidMessage for a wrong type or a missing id.
    Afterwards `done` has the size and the values left out.
    """
    try:
        call = message["type"]
        if checked:
            values = [field for field in message if field not in _NO_VALUES]
            return _complete(call, _form_of(call, message), message, done, values)
        form = FORMS[call]
        _check(call, form, message)
        return _complete(call, form, message, done, form.dicts if TAGS not in message else (*form.dicts, TAGS))
    except InvalidMessage:
        raise
    except Exception as error:
        if is_interrupt(error):
            raise
        raise _unreadable(message, error) from error


def check(message: Message) -> None:
    """Raise InvalidMessage for an argument of a wrong type, or a missing id, as each of Segment's calls does."""
    try:
        _check(message["type"], FORMS[message["type"]], message)
    except InvalidMessage:
        raise
    except Exception as error:
        if is_interrupt(error):
            raise
        raise _unreadable(message, error) from error


def _unreadable(message: Message, error: Exception) -> InvalidMessage:
    # isinstance() may run an argument's own code: it asks for its __class__
    why = f"an argument can't be read, it raises {kind_name(error)}"
    return InvalidMessage(f"{message.get('type')}: {why}. Pass plain strings, numbers and dicts")


def _form_of(call: Any, message: Message) -> Form:
    """Return the form of a message of a subclass, after the checks of Segment's own `_enqueue`."""
    if not isinstance(call, str):
        raise InvalidMessage(f"type must be a str, got {describe(call)}")
    for field in _DICTS:
        if not isinstance(message.get(field), dict):
            _refuse(call, field, message.get(field), "dict")
    return FORMS.get(call, _OTHER)


def _complete(call: str, form: Form, message: Message, done: Pass, values: Iterable[str]) -> Message:
    made = dict(message)
    made.setdefault("anonymousId", None)  # a call of alias has none, but its message does
    size = _FORM_SIZE
    for field in form.ids:
        value = made.get(field)
        if value is not None:
            if type(value) is not str or not value.isascii():
                made[field] = value = None if value is False else stringify_id(value)
            size += WIDEST * len(value or "")
    for field in form.texts:
        value = made.get(field)
        if isinstance(value, str):
            if type(value) is not str or not value.isascii():
                made[field] = value = text(str.__str__(value))
            size += WIDEST * len(value)
        elif value is not None:
            made[field] = clean_field(field, value, done)
            if made[field] is None:
                del made[field]
    given = message.get("messageId")
    made["messageId"] = message_id = (None if given is None else stringify_id(given)) or new_id()
    timestamp = message.get("timestamp")
    made["timestamp"] = now_text() if timestamp is None else timestamp_text(call, timestamp)
    done.size += size + WIDEST * len(message_id)
    for field in values:
        value = message[field]
        plain = plain_copy(value, done.size) if type(value) is dict else None
        if plain is None:
            made[field] = clean_field(field, value, done)
        else:
            made[field], done.size = plain
    made["context"]["library"] = {"name": "analytics-python", "version": VERSION}
    return made


def _check(call: str, form: Form, message: Message) -> None:
    """Raise InvalidMessage for an argument that Segment's client refuses too."""
    user_id = message["userId"]
    if (type(user_id) is not str or not user_id) and "userId" not in form.needed:
        who = user_id if _says_something(user_id) else message["anonymousId"]
        _check_id(call, "user_id or anonymous_id", who)
    for field in form.needed:
        _check_id(call, _ARGUMENTS[field], message[field])
    for field in form.dicts:
        if not isinstance(message[field], dict):
            _refuse(call, field, message[field], "dict")
    for field in form.texts:
        value = message[field]
        if not isinstance(value, str) and (call == "track" or not _is_empty(value)):
            _refuse(call, field, value, "str")


def _check_id(call: str, name: str, value: Any) -> None:
    if not isinstance(value, _ID_TYPES):
        raise InvalidMessage(
            f"{call} needs {name}: a string, a number or a UUID that isn't empty, got {describe(value)}"
        )


def _refuse(call: str, name: str, value: Any, kind: str) -> None:
    raise InvalidMessage(f"{call}: {name} must be a {kind}, got {describe(value)}")


def _says_something(value: Any) -> bool:
    """Whether an id is given. Segment's client treats 0 as missing; here it is an id like any other."""
    if isinstance(value, str):
        return str.__str__(value) != ""
    return value is not False and (isinstance(value, _ID_TYPES) or not _is_empty(value))


def _is_empty(value: Any) -> bool:
    """Whether Segment's `value or ...` would pass over it. A value whose truth can't be asked for is not empty."""
    try:
        return not value
    except Exception as error:  # numpy's arrays raise, for one
        if is_interrupt(error):
            raise
        return False


def stringify_id(value: Any) -> str | None:
    """Return an id as the string that Segment sends for it; None for None, and for an object without such a string."""
    if value is None:
        return None
    try:
        its_own = getattr(type(value), "__str__")  # noqa: B009  # mypy knows no other way
        if not isinstance(value, _ID_TYPES) and its_own is object.__str__:
            return None  # a list or a dataclass: its repr() is no id, and may be gigabytes
        return text(str.__str__(value if isinstance(value, str) else str(value)))
    except Exception as error:  # an object's own __str__ may raise
        if is_interrupt(error):
            raise
        return None
