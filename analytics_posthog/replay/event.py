"""Converts a line of an archive into a PostHog event: parse, check, choose, clean, convert. Each failure has a reason.

Segment adds fields to what its clients send (receivedAt, sentAt, originalTimestamp, version, projectId, channel ...).
Only the times among them are used. What it does not do: read files, send.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from hashlib import sha1
from typing import Any, Final

from .._delivery import LIB, MAX_EVENT_SIZE, Report, refusal, write_event
from .._message import FORMS, MAX_SIZE, Message, Pass, clean_dict, parse_time, stringify_id, text
from ..convert import EVENTS, to_posthog
from ..errors import InvalidMessage
from .choice import Choice, Skipped, consent_of, why_skipped
from .sent import NOTHING_SENT, SENT, Sent

_TIMES: Final = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_ZULU: Final = (20, 24, 27)  # characters of an ISO 8601 time that ends in Z: to the second, milli- or microsecond
_SURELY_FLAT: Final = 90  # brackets: so few can't be more levels than PostHog's parser takes
_ADDED: Final = {**LIB, "$ignore_sent_at": True}
_TOO_LARGE: Final = f"the event has more than {MAX_EVENT_SIZE // 1024} KiB as JSON"


class LineEvent:
    """A line's event as JSON (`text`), with its call, name, time, its message's categories of consent, and the line."""

    __slots__ = ("call", "consent", "line", "moment", "name", "number", "size", "text")

    def __init__(
        self, event: dict[str, Any], call: str, moment: datetime, number: int, line: bytes, consent: dict[str, Any]
    ) -> None:
        """Raises ValueError for a value that JSON can't hold."""
        self.consent = consent
        self.text = write_event(event)
        self.size = len(self.text)
        self.call, self.name, self.moment = call, event["event"], moment
        self.number, self.line = number, line


class Lines:
    """Converts the lines of one file. Not thread-safe."""

    def __init__(self, name: str, choice: Choice, sent: Sent = NOTHING_SENT) -> None:
        """`name` is the file's; `sent` says what earlier runs have sent of it."""
        self._name = name
        self._choice = choice
        self._sent = sent
        self._report = Report(None)
        self._convert = partial(
            to_posthog,
            group_type=choice.group_type,
            person_profiles=choice.person_profiles,
            warn=self._report.warn_once,
        )
        self._decode = json.JSONDecoder(parse_constant=_null).raw_decode

    def was_read(self, number: int) -> bool:
        """Whether an earlier run has read a line."""
        return number <= self._sent.last

    def event(self, number: int, line: bytes) -> LineEvent:
        """Return the event of a line. Raises Skipped, and InvalidMessage with what is wrong with the line."""
        return self.message_and_event(number, line)[1]

    def message_and_event(self, number: int, line: bytes) -> tuple[Message, LineEvent]:
        """Return the message of a line, clean and with its time and id, and its event. Raises as `event` does."""
        written, message = self._parsed(line)
        # Cleaning takes time, and few messages need it: those with lone surrogates or too many levels.
        has_surrogates = "\\" in written and ("\\ud" in written or "\\uD" in written)
        if has_surrogates or written.count("{") + written.count("[") > _SURELY_FLAT:
            message = self._cleaned(message)
        try:
            return message, self._converted(number, line, message)
        except ValueError:  # a number out of range, such as 1e999
            message = self._cleaned(message)
            return message, self._converted(number, line, message)

    def _converted(self, number: int, line: bytes, message: Message) -> LineEvent:
        call = _check(message)
        moment = _set_time(message)
        why = self._why_sent(number, moment) or why_skipped(self._choice, message, call, moment)
        if why:
            raise Skipped(why)
        message_id = message.get("messageId")
        if type(message_id) is not str or not message_id:
            message["messageId"] = stringify_id(message_id) or self._made_up_id(number, line)
        event = self._convert(message)
        properties = event["properties"]
        properties.update(_ADDED)
        if self._choice.set_once and type(properties.get("$set")) is dict:
            once = properties.get("$set_once")
            properties["$set_once"] = {**properties.pop("$set"), **(once if type(once) is dict else {})}
        made = LineEvent(event, call, moment, number, line, consent_of(message))
        if made.size > MAX_EVENT_SIZE:
            raise InvalidMessage(_TOO_LARGE)
        return made

    def _parsed(self, line: bytes) -> tuple[str, Message]:
        """Return a line's text and its JSON object. Raises InvalidMessage."""
        try:
            written = line.decode().strip()
            message, end = self._decode(written)
        except UnicodeDecodeError:
            raise InvalidMessage("not UTF-8") from None
        except ValueError:
            raise InvalidMessage("not valid JSON") from None
        except RecursionError:
            raise InvalidMessage("nested too deep") from None
        if end != len(written):
            raise InvalidMessage("not valid JSON: something follows the message")
        if type(message) is not dict:
            raise InvalidMessage("not a Segment message: no JSON object")
        return written, message

    def _cleaned(self, message: Message) -> Message:
        done = Pass()
        cleaned = clean_dict(message, done)
        if done.size > MAX_SIZE:
            raise InvalidMessage(_TOO_LARGE)
        self._report.left_out("replay", done.left_out)
        return cleaned

    def _why_sent(self, number: int, moment: datetime) -> str | None:
        """Return SENT if an earlier run has sent the message, or left it out for another reason than its time."""
        return SENT if self._sent.parts and self._sent.covers(number, moment) else None

    def _made_up_id(self, number: int, line: bytes) -> str:
        """Return an id that is the same each time the same line of the same file is read: PostHog counts it once."""
        place = b"%s:%d:%s" % (self._name.encode("utf-8", "replace"), number, line.strip())
        return sha1(place, usedforsecurity=False).hexdigest()


def _null(_: str) -> None:
    """Return None for NaN and the infinities: they aren't JSON, and become null everywhere in this package."""


def _check(message: Message) -> str:
    """Check and correct ids, dicts and event name; return the call. Raises InvalidMessage with the reason."""
    call = message.get("type")
    if type(call) is not str or call not in EVENTS:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    form = FORMS[call]
    for field in form.dicts:
        value = message.get(field)
        if type(value) is not dict and value is not None:
            if value != []:  # PHP writes an empty dict so
                raise InvalidMessage(f"{call}: {field} must be an object, got {_KINDS[type(value)]}")
            message[field] = {}
    for field in form.ids:
        value = message.get(field)
        if type(value) is str or value is None:
            continue
        if type(value) not in (int, float):
            raise InvalidMessage(f"{call}: {field} must be a string or a number, got {_KINDS[type(value)]}")
        message[field] = text(str(value))
    for needed in form.needed:
        if needed != "userId" and message.get(needed) is None:  # an archive's alias may have an anonymousId alone
            raise InvalidMessage(f"{call} needs {needed}")
    if call == "track" and type(message.get("event")) is not str:
        raise InvalidMessage("track needs an event name that is a string")
    message.setdefault("userId")
    why = refusal(message)
    if why is not None:
        raise InvalidMessage(why.partition(". ")[0])
    return call


_KINDS: Final[dict[type, str]] = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _set_time(message: Message) -> datetime:
    """Set `timestamp` to the first usable time, the message's own before those that Segment added, and return it.

    Raises InvalidMessage if there is none.
    """
    for field in _TIMES:
        value = message.get(field)
        if type(value) is not str:
            continue
        try:
            if len(value) in _ZULU and value[-1] == "Z" and value[10] == "T":
                moment = datetime.fromisoformat(value[:-1] + "+00:00")
                message["timestamp"] = value
                return moment
        except ValueError:
            pass
        parsed = parse_time(value)
        if parsed is not None:
            message["timestamp"] = parsed.isoformat(timespec="milliseconds")
            return parsed
    raise InvalidMessage("no timestamp in ISO 8601")
