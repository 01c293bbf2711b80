"""The differences that are meant, each with the words of docs/differences.md that say so."""

from __future__ import annotations

from typing import Final, NamedTuple

from .calls import ARGUMENTS, COMMON, Case, Seen, both
from .values import VALUES

FIELDS: Final = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "message_id": "messageId",
}
IDS: Final = frozenset(FIELDS)
DICTS: Final = frozenset(("properties", "traits", "context", "integrations"))
EVERY: Final = frozenset((*COMMON, "anonymous_id", *(name for usual in ARGUMENTS.values() for name in usual)))


class Rule(NamedTuple):
    """`says` stands in docs/differences.md. For these values in these arguments, the answers change so."""

    says: str
    arguments: frozenset[str]
    values: frozenset[str]
    answers: frozenset[tuple[str, str]]  # (Segment's, ours)

    def covers(self, name: str, value: str) -> bool:
        return name in self.arguments and value in self.values


_BLANK: Final = frozenset(("''", "' '", "an empty str subclass", "False"))
_NUMBERS: Final = frozenset(
    ("0", "1", "-1", "2**70", "0.0", "1.5", "1e400", "nan", "True", "an int subclass", "a Decimal", "Decimal 0")
) | {"Decimal nan", "an IntEnum", "a numpy float"}
# They pass the checks of Segment's client and then fail in its json.dumps.
_NUMBERS_WITHOUT_JSON: Final = frozenset(("a complex number", "a Fraction", "a numpy int"))
_TEXTS: Final = frozenset(
    ("'text'", "a long text", "text with a NUL", "emoji", "a lone surrogate", "digits", "an ISO time", "no time")
)
_IDS: Final = _NUMBERS | _NUMBERS_WITHOUT_JSON | _TEXTS | _BLANK | {"None", "a str subclass", "a UUID"}
_NO_IDS: Final = frozenset(VALUES) - _IDS
_FAILING: Final = frozenset(("a dict of a hostile value", "a hostile object", "a dict of 5,000 levels"))
_SAME: Final = ("True", "True")  # the message differs

RULES: Final = (
    Rule(
        "`0` and UUIDs are ids like any other",
        IDS,
        frozenset(("0", "0.0", "Decimal 0", "a UUID")),
        frozenset((("AssertionError", "True"),)),
    ),
    Rule(
        "A `date` or an ISO 8601 string is a timestamp",
        frozenset(("timestamp",)),
        frozenset(("a date", "an ISO time")),
        frozenset((("AssertionError", "True"),)),
    ),
    Rule("Lone surrogates become U+FFFD", EVERY, frozenset(("a lone surrogate",)), frozenset((_SAME,))),
    Rule(
        "Values are copied and cleaned",
        DICTS,
        frozenset(("a dict of values", "a dict of strange values", "a dict of text that is no UTF-8"))
        | frozenset(("a dict with a tuple key", "a dict with an Enum key", "a circle"))
        | _FAILING,
        frozenset((_SAME, ("TypeError", "True"), ("RecursionError", "True"), ("RuntimeError", "True"))),
    ),
    Rule(
        "An event may have 900 KiB. Segment's limit is 32 KiB",
        EVERY,
        frozenset(("a dict of 40 kB",)),
        frozenset((("RuntimeError", "True"),)),
    ),
    Rule(
        "PostHog refuses a blank event name or id together with the whole batch",
        IDS | {"event"},
        _BLANK,
        frozenset((("True", "False"),)),
    ),
    Rule(
        "a group id that is blank or has more than 400 characters",
        frozenset(("group_id",)),
        frozenset(("a long text",)),
        frozenset((("True", "False"),)),
    ),
    Rule('`message_id=""` gets a new id', frozenset(("message_id",)), _BLANK, frozenset((_SAME,))),
    Rule(
        "Ids are strings everywhere",
        frozenset(("group_id", "previous_id")),
        _NUMBERS | _NUMBERS_WITHOUT_JSON,
        frozenset((_SAME, ("TypeError", "True"))),
    ),
    Rule(
        "that can be no id, such as a list or `False`, counts as none",
        frozenset(("user_id", "anonymous_id", "previous_id", "message_id")),
        _NO_IDS | {"False"},
        frozenset((_SAME, ("True", "False"), ("RuntimeError", "True"), ("RecursionError", "True"))),
    ),
    Rule(
        "An argument of a wrong type always raises AssertionError",
        EVERY,
        _FAILING | {"a numpy array", "NotImplemented"},  # whose truth can't be asked for, from Python 3.14 on
        frozenset((("RuntimeError", "AssertionError"), ("RecursionError", "AssertionError")))
        | {("ValueError", "AssertionError"), ("TypeError", "AssertionError")},
    ),
)


def unexplained(case: Case) -> str | None:
    """Return what differs in a call without a rule for it; None if nothing does.

    One argument: its rule says both answers, and the messages differ in that field alone. Several: once those that a
    rule covers are as usual, nothing differs any more.
    """
    theirs, ours = both(case)
    if theirs == ours:
        return None
    covered = [name for name, value in case.values.items() if any(rule.covers(name, value) for rule in RULES)]
    if len(covered) == 1 and len([value for value in case.values.values() if value != "None"]) <= 1:
        return None if _is_by_rule(covered[0], case.values[covered[0]], theirs, ours) else _said(case, theirs, ours)
    rest = Case(case.call, {name: value for name, value in case.values.items() if name not in covered})
    if covered and both(rest)[0] == both(rest)[1]:
        return None
    return _said(case, theirs, ours)


def _is_by_rule(name: str, value: str, theirs: Seen, ours: Seen) -> bool:
    answers = (theirs.answer, ours.answer)
    if not any(answers in rule.answers for rule in RULES if rule.covers(name, value)):
        return False
    if answers != _SAME:
        return True
    field = FIELDS.get(name, name)
    return {**theirs.wire, field: None} == {**ours.wire, field: None} if isinstance(theirs.wire, dict) else True


def _said(case: Case, theirs: Seen, ours: Seen) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in case.values.items())
    return (
        f"{case.call}({shown}): Segment {theirs.answer}, ours {ours.answer}; {theirs.wire!s:.300} | {ours.wire!s:.300}"
    )
