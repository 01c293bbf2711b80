"""Thirty events that want to be more than text: as anybody who can make an app call `track` could send them."""

from __future__ import annotations

from typing import Any

LARGE = 900 * 1000  # characters


def nested(levels: int, kind: type) -> Any:
    """A value that holds itself's like, so many levels deep."""
    value: Any = "<b>deep</b>"
    for _ in range(levels):
        value = {"<i>": value} if kind is dict else [value]
    return value


def event(name: str, distinct_id: str = "u", **properties: Any) -> dict[str, Any]:
    """An event as the package sends it."""
    library = {"segment_library": {"name": "analytics-python", "version": "1"}}
    return {"event": name, "distinct_id": distinct_id, "properties": {**library, **properties}}


ATTACK = "<img src=x onerror=alert(1)>"
HOSTILE: dict[str, dict[str, Any]] = {
    "a script for its name": event("<script>alert(1)</script>"),
    "an image that calls": event(ATTACK),
    "markup that leaves an attribute": event("\"'><svg onload=alert(1)>"),
    "markup that closes the page": event("</div></main></body></html><h1>gone</h1>"),
    "a comment that never ends": event("<!-- "),
    "a style that hides all": event("<style>*{display:none!important}</style>"),
    "a frame with a script": event("<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>"),
    "a link that is a script": event(
        "javascript:alert(1)", url="javascript:alert(1)", **{"$current_url": "data:text/html,<script>1</script>"}
    ),
    "a template": event("{{constructor.constructor('alert(1)')()}}${alert(1)}#{alert(1)}<%= alert(1) %>"),
    "entities": event("&lt;script&gt;&#60;b&#62;&amp;"),
    "markup in ids and properties": event(
        "x", ATTACK, **{ATTACK: ATTACK, "list": [ATTACK], "map": {ATTACK: {ATTACK: ATTACK}}}
    ),
    "markup in a person": event("$identify", "u", **{"$set": {"name": ATTACK, "<b>": "<b>"}}),
    "markup in the context": event(
        "x", segment_page={"url": ATTACK, "title": ATTACK}, segment_ip=ATTACK, utm_source=ATTACK
    ),
    "markup in the event's own fields": {**event("x"), "timestamp": ATTACK, "<b>": ATTACK},
    "a value of 900 KB": event("large value", text="x" * LARGE),
    "a name of 900 KB": event("n" * LARGE),
    "an id of 900 KB": event("large id", "i" * LARGE),
    "a property's name of 900 KB": event("large key", **{"k" * LARGE: 1}),
    "50,000 properties": event("many", **{f"property {number}": number for number in range(50_000)}),
    "100 levels of dicts": event("deep", value=nested(100, dict)),
    "100 levels of lists": event("deep", value=nested(100, list)),
    "control characters": event("".join(map(chr, range(32))) + "\x7f\x80\x9b", "\x00u\x1f", **{"\x00": "\x01\x02\x1b"}),
    "a terminal's commands": event(
        "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b2J", "\r\nu", text="\x1b]8;;http://evil.example\x07click\x1b]8;;\x07"
    ),
    "a text that turns its direction": event(
        "\u202egnp.exe\u202c \u2066a\u2069", "\u202eevil", text="\u202e" + "reversed"
    ),
    "Arabic and Hebrew": event("שלום مرحبا", "مستخدم", text="عربي " * 50),
    "characters that pile up": event("Z" + "\u0301\u0316" * 500, "o" + "\u0489" * 500),
    "nothing to be seen": event(
        "\u200b\u2060\ufeff\xad\u115f\u180e\u3164" + "".join(map(chr, range(0xE0061, 0xE0080))), "\u3164"
    ),
    "line breaks and tabs": event("a\n\n\n\n\tb\r\n" * 50, "u\n\n"),
    "a word without an end": event("W" * 5000, "w" * 5000, text="w" * 5000),
    "names of JavaScript's own": event(
        "__proto__", "constructor", __proto__={"x": 1}, constructor=1, toString=None, length=-1
    ),
}
assert len(HOSTILE) == 30

# What no conversion makes: kinds of values where others belong.
ODD = (None, True, 0, 1e308, "", "text", [], [1, [2]], {}, {"a": {"b": None}})
ODD_KEYS = (
    "segment_library segment_page segment_os segment_ip segment_groupId segment_campaign segment_active segment_ $set "
    "$group_set $group_key $group_type $groups alias $anon_distinct_id $screen_name name category url $current_url $host "
    "$referrer utm_name utm_campaign utm_x utm_ browser $browser $ip $geoip_disable $session_id $context_tags "
    "$process_person_profile distinct_id $lib token"
).split()
ODD_NAMES = ("x", "$identify", "$set", "$pageview", "$screen", "$groupidentify", "$create_alias")
