"""Random Segment messages, as an archive holds them, and what explains a difference from the destination's event.

The numbers name the list "Conversion" of docs/differences.md.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.destination import destination
from tests.support.posthog_ingestion import is_illegal

Message = dict[str, Any]

SESSION = "0191B7A0-0000-7000-8000-000000000001"
IDS = ["u1", "a1", "guest", "x" * 250, "0", " é ", "anonymous", "a\0b"]
TEXTS = ["", "x", "https://shop.example/a?utm_source=q&gclid=1", "/a", "$direct", "Chrome", "127.0.0.1", "192.0.2.7"]
VALUES: list[Any] = [*TEXTS, None, 0, 1, 3.5, True, False, [], ["x"], {}, {"a": None}]
OWN = "url $current_url utm_name utm_campaign browser $browser title path referrer search $ip $window_id price".split()
CONTEXT = {
    "ip": [],
    "page": ["url", "path", "referrer", "search", "title"],
    "os": ["name", "version"],
    "screen": ["width", "height", "density"],
    "device": ["type", "id", "token"],
    "campaign": ["name", "source", "medium"],
    "app": ["name", "version"],
    "locale": [],
    "timezone": [],
    "userAgent": [],
    "active": [],
    "location": ["city"],
    "consent": ["categoryPreferences"],
}

ABSENT: Any = object()
Values = st.SearchStrategy[Any]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9)
VALUE: Values = st.one_of([st.sampled_from(VALUES)] * 3 + [TEXT, NUMBER])  # mostly those that a rule is about
URL = st.sampled_from(TEXTS) | VALUE
ID = st.sampled_from(IDS) | TEXT.filter(str.strip)


def some(**values: Values) -> Values:
    """A dict with about half of these keys. Hypothesis's own `optional` takes few of many."""
    maybe = {key: st.just(ABSENT) | value for key, value in values.items()}
    return st.fixed_dictionaries(maybe).map(lambda made: {k: v for k, v in made.items() if v is not ABSENT})


def part(key: str, keys: list[str]) -> Values:
    whole = some(**{name: URL if name == "url" else VALUE for name in keys})
    return whole if key == "campaign" else st.one_of([whole] * 9 + [VALUE]) if keys else VALUE


PROPERTIES = some(**dict.fromkeys(OWN, VALUE), **{"$session_id": st.just(SESSION) | VALUE})
TRAITS = some(**dict.fromkeys(["plan", "groupType", "email"], VALUE))
PART_OF_CONTEXT = {key: part(key, keys) for key, keys in CONTEXT.items()}
NAMES = some(name=st.just("Home"), category=st.just("Docs"))
BOTH = {"userId": ID, "anonymousId": ID}
WHO = [{"userId": ID}, {"anonymousId": ID}, BOTH]
CALLS: list[tuple[str, list[dict[str, Values]], Values]] = [
    ("track", WHO, st.fixed_dictionaries({"event": st.just("Bought"), "properties": PROPERTIES})),
    ("page", WHO, st.builds(dict, NAMES, properties=PROPERTIES)),
    ("screen", WHO, st.builds(dict, NAMES, properties=PROPERTIES)),
    ("identify", WHO, st.fixed_dictionaries({"traits": TRAITS})),
    ("group", WHO, st.fixed_dictionaries({"groupId": st.just("g1"), "traits": TRAITS})),
    ("alias", WHO[:1], st.fixed_dictionaries({"previousId": ID})),
]
GROUP = st.sampled_from(["", "g1", "g2"])
MESSAGES: Values = st.one_of(
    st.builds(
        lambda call, ids, own, context: {"type": call, **ids, **own, "context": context},
        st.just(call),
        st.fixed_dictionaries(ids),
        own,
        some(groupId=GROUP, **PART_OF_CONTEXT),
    )
    for call, who, own in CALLS
    for ids in who
)


def random_messages(count: int) -> list[Message]:
    """So many messages, the same in each run, each with its messageId and timestamp."""
    found: list[Message] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(MESSAGES)
    def find(message: Message) -> None:
        found.append(named(message, len(found)))

    find()
    return found


def named(message: Message, number: int = 0) -> Message:
    """The message with a messageId and a timestamp."""
    return {**message, "messageId": f"m{number}", "timestamp": f"2026-01-{1 + number % 28:02}T03:04:05.678Z"}


def differences(event: dict[str, Any], message: Message) -> list[str]:
    """Which of those improvements make our event different from the destination's. Any other one is an error."""
    theirs = destination(message)
    same = ("event", "uuid", "timestamp")
    assert {key: event[key] for key in same} == {key: theirs[key] for key in same}
    found = []
    for key, value in theirs["properties"].items():
        ours = event["properties"].get(key, ABSENT)
        if key != "$lib" and not (type(ours) is type(value) and ours == value):
            found.append(explained(key, ours, value, message))
            assert found[-1], f"{key}: ours is {ours!r}, the destination's is {value!r}"
    return found


def explained(key: str, ours: Any, theirs: Any, message: Message) -> str:
    """Which improvement makes a property different from the destination's; "" for none."""
    if theirs is None and key.startswith(("$", "utm_")) and ours is ABSENT:
        return "1: a mapped key without a value is left out"
    if key == "$ip" and ours is ABSENT and not theirs.strip():
        return "3: a blank $ip is left out"
    if key in ("$anon_distinct_id", "alias"):
        ids = message.get("userId"), message.get("anonymousId") or message.get("previousId")
        if ours is ABSENT and (is_illegal(theirs) or theirs == ids[0]):
            return "7: an id that PostHog doesn't merge is left out"
        if ours == theirs[:200].replace("\0", "\ufffd"):
            return "7: an id to merge is cut as PostHog cuts it"
    if key == "$session_id" and isinstance(theirs, str) and ours == theirs.lower():
        return "11: a session id is in lower case"
    if key == "$window_id" and ours is ABSENT:
        return "11: a window without a usable session is left out"
    if theirs is None and key in ("$pathname", "$referrer", "utm_campaign", "utm_source", "utm_medium"):
        return "5: the url, the query or the page's own properties give what the context leaves open"
    return ""
