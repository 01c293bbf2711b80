"""What may surprise after the switch, in words: what it is, and what to do."""

from __future__ import annotations

from typing import Final, NamedTuple

# By kind: what it is, what to do.
_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # Calls.
    "arguments-at-run-time": (
        "some arguments are made at run time (* or **)",
        "Check what they can be: ids and names are not known here",
    ),
    "name-at-run-time": (
        "the event's name is made at run time: {name}",
        "Use a few fixed names, and put what varies into a property",
    ),
    "no-name": ("there is no event name", "Give one: such a call raises or is refused"),
    "name-no-text": ("the event's name is not a string", "Give a string: the call raises, as with Segment"),
    "no-id": ("there is no {ids}", "Give one: the call raises, as with Segment"),
    "id-may-be-blank": (
        "{id} may be blank",
        "Give an id in each case, such as anonymous_id: without one the call is refused and reported to on_error",
    ),
    "id-none-as-text": (
        "{id} is the text 'None' where nobody is signed in",
        "Pass anonymous_id there: all visitors would be one person, and PostHog never merges 'None'",
    ),
    "id-refused": ("PostHog never merges the {id} '{value}'", "Use each person's own id"),
    "id-fixed": ("{id} is the same for all", "Is it meant? All these events are of one person"),
    "id-no-id": ("{id} can be no id", "Give a text, a number or a UUID"),
    "group-id-long": ("group_id has over {most} characters", "Shorten it: PostHog keeps no such group"),
    "property-collides": (
        "the property {key} has a name of PostHog's own",
        "Rename it, unless it is meant for PostHog: it overwrites PostHog's value",
    ),
    "value-left-out": ("{key} is a {type}, which is left out", "Pass its value as text, number or list"),
    "too-large": ("at least {size} KiB", "Send less: PostHog takes no event of over {most} KiB"),
    "large": (
        "at least {size} KiB",
        "Segment's client refuses it; this package sends it. In dual running PostHog alone gets it",
    ),
    "kept-away": ("its integrations keep it away from PostHog", "It stays so, as in Segment. Remove them if not meant"),
    # Other places.
    "reference": ("{name} is passed on as a function", "Look where it is called: its arguments are not known here"),
    "dynamic": ("a name of the SDK is looked up at run time", "Look what it can be"),
    "import": ("imports Segment's SDK: {code}", "--write changes it"),
    "import-left": ("imports Segment's SDK: {code}", "Change it by hand: {why}"),
    "clone": ("imports {what}, which began as a copy of Segment's", "It stays: its data goes elsewhere"),
    "legacy": ("`import analytics` stays: {why}", "Nothing is to do"),
    "write-key": ("sets Segment's write key", "--write takes it from $POSTHOG_PROJECT_API_KEY"),
    "write-key-left": ("sets the write key: {code}", "Give PostHog's project key there: {why}"),
    "host-left": ("sets the host: {code}", "Give PostHog's address there: {why}"),
    "setting-of-test": ("a test sets {code}", "It stays: {why}"),
    "host": ("sets the host", "--write takes it from $POSTHOG_HOST"),
    "segment-host": ("names Segment's host", "Give PostHog's address: with Segment's, the first call raises"),
    "sync-mode": (
        "sync_mode waits for PostHog in each call",
        "Leave it out where somebody waits; at exit all is sent anyway. Else set max_retries low",
    ),
    "oauth": ("{name} does nothing here", "Remove it: PostHog needs the project key alone"),
    "unknown-setting": (
        "{name} is no setting of this package",
        "Remove it, or look for the nearest one in the docs, under Settings",
    ),
    "client": ("makes a client", "Its settings are those of the module"),
    "api-error": ("catches Segment's APIError", "It goes on working: all errors of delivery are APIErrors too"),
    "mock": ("a test replaces {name}", "--write changes the name"),
    "mock-idle": ("a test replaces {name}, which is not called here", "Use the fixture `captured` instead"),
    "subclass": (
        "a class of your own is a Client",
        "It goes on working. Its methods that begin with _ are not the same here",
    ),
    "submodule": (
        "uses {name}",
        "It is there under the same name; the docs say what differs, under Differences from Segment",
    ),
    "logger": ("names Segment's logger", "--write changes it to analytics_posthog"),
    "module-name": ("names Segment's module in a text: {name}", "--write changes it"),
    "requirement": ("needs Segment's SDK: {code}", "--write changes it"),
    "requirement-left": ("needs Segment's SDK: {code}", "Change it by hand: {why}"),
    "lock": ("holds Segment's SDK", "Make it again: {why}"),
}


class Risk(NamedTuple):
    """A risk: its kind (see the table above), what it is, and what to do."""

    kind: str
    what: str
    remedy: str

    @classmethod
    def of(cls, kind: str, **words: str) -> Risk:
        """Return the risk of a kind."""
        what, remedy = _TEXTS[kind]
        return cls(kind, what.format_map(words), remedy.format_map(words))
