"""What the audit says of a call: its event, ids, properties and risks; and which calls it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrate.support import app_of, kinds

SDK = "import segment.analytics as a\n"

# A call: the event in PostHog, the ids, the properties, the kinds of its risks.
CALLS = {
    "a.track(user.id, 'Ordered', {'size': 1, 'to': x})": ("Ordered", ["user_id"], ["size", "to"], []),
    "a.track(anonymous_id=v, event='Ordered', properties=dict(a=1))": ("Ordered", ["anonymous_id"], ["a"], []),
    "a.track(user.id, EVENT)": ("Order Completed", ["user_id"], [], []),
    "a.track(user.id, Events.LEFT)": ("Left", ["user_id"], [], []),
    "a.track(user.id, Events.LEFT.value)": ("Left", ["user_id"], [], []),
    "a.track(user.id, f'Viewed {page}')": ("Viewed {...}", ["user_id"], [], ["name-at-run-time"]),
    "a.track(user.id, 'Viewed ' + page)": ("Viewed {...}", ["user_id"], [], ["name-at-run-time"]),
    "a.track(user.id, 'Viewed %s' % page)": ("Viewed %s", ["user_id"], [], ["name-at-run-time"]),
    "a.track(user.id, name)": ("(made at run time)", ["user_id"], [], ["name-at-run-time"]),
    "a.track(user.id, '')": ("(made at run time)", ["user_id"], [], ["no-name"]),
    "a.track(user.id)": ("(made at run time)", ["user_id"], [], ["no-name"]),
    "a.track(user.id, 5)": ("5", ["user_id"], [], ["name-no-text"]),
    "a.track(event='x')": ("x", [], [], ["no-id"]),
    "a.track(None, 'x')": ("x", [], [], ["no-id"]),
    "a.track(*args)": ("(made at run time)", [], [], ["arguments-at-run-time"]),
    "a.track(user.id, 'x', **more)": ("x", ["user_id"], [], ["arguments-at-run-time"]),
    "a.track(user.id or '', 'x')": ("x", ["user_id"], [], ["id-may-be-blank"]),
    "a.track(user.id if user else None, 'x')": ("x", ["user_id"], [], ["id-may-be-blank"]),
    "a.track(request.COOKIES.get('ajs', ''), 'x')": ("x", ["user_id"], [], ["id-may-be-blank"]),
    "a.track(user_id=u or None, anonymous_id=v, event='x')": ("x", ["user_id", "anonymous_id"], [], []),
    "a.track(str(request.user.id), 'x')": ("x", ["user_id"], [], ["id-none-as-text"]),
    "a.track(str(order.id), 'x')": ("x", ["user_id"], [], []),
    "a.track('guest', 'x')": ("x", ["user_id"], [], ["id-refused"]),
    "a.track('[object Object]', 'x')": ("x", ["user_id"], [], ["id-refused"]),
    "a.track('server', 'x')": ("x", ["user_id"], [], ["id-fixed"]),
    "a.track(['u'], 'x')": ("x", ["user_id"], [], ["id-no-id"]),
    "a.track(user.id, 'x', {'$set': {}, 'distinct_id': 1})": (
        "x",
        ["user_id"],
        ["$set", "distinct_id"],
        ["property-collides", "property-collides"],
    ),
    "a.track(user.id, 'x', {'f': lambda: 1, 'in': {'g': (x for x in y)}})": (
        "x",
        ["user_id"],
        ["f", "in"],
        ["value-left-out", "value-left-out"],
    ),
    "a.track(user.id, 'x', {'a': 'b' * 40_000})": ("x", ["user_id"], ["a"], ["large"]),
    "a.track(user.id, 'x', {'a': 'b' * 2_000_000})": ("x", ["user_id"], ["a"], ["too-large"]),
    "a.track(user.id, 'x', integrations={'All': False})": ("x", ["user_id"], [], ["kept-away"]),
    "a.track(user.id, 'x', integrations={'All': False, 'PostHog': True})": ("x", ["user_id"], [], []),
    "a.identify(user.id, {'plan': 1})": ("$identify", ["user_id"], ["plan"], []),
    "a.identify(anonymous_id=v, traits=traits)": ("$set", ["anonymous_id"], [], []),
    "a.page(user.id, 'Docs', 'Start', {'url': u})": ("$pageview", ["user_id"], ["url"], []),
    "a.screen(user.id, name='Start')": ("$screen", ["user_id"], [], []),
    "a.group(user.id, team.id, {'size': 1})": ("$groupidentify", ["user_id", "group_id"], ["size"], []),
    "a.group(user.id)": ("$groupidentify", ["user_id"], [], ["no-id"]),
    "a.group(user.id, 'x' * 401)": ("$groupidentify", ["user_id", "group_id"], [], []),
    f"a.group(user.id, '{'x' * 401}')": ("$groupidentify", ["user_id", "group_id"], [], ["group-id-long"]),
    "a.alias(old, user.id)": ("$create_alias", ["previous_id", "user_id"], [], []),
    "a.alias(old)": ("$create_alias", ["previous_id"], [], ["no-id"]),
}


@pytest.mark.parametrize("code", CALLS)
def test_the_audit_says_what_a_call_becomes(tmp_path: Path, code: str) -> None:
    head = f"{SDK}EVENT = 'Order Completed'\n\n\nclass Events(Enum):\n    LEFT = 'Left'\n\n\n"
    app = app_of(tmp_path, {"a.py": f"{head}{code}\n"})
    (call,) = app.calls
    found = call.posthog, call.ids, call.properties, [risk.kind for risk in call.risks]
    ids = sorted(CALLS[code][1], key=["user_id", "anonymous_id", "previous_id", "group_id"].index)
    assert found == (CALLS[code][0], ids, *CALLS[code][2:])
    assert (call.file, call.line, call.column) == (str(tmp_path / "a.py"), 9, 1)


def test_a_constant_of_another_file_is_known(tmp_path: Path) -> None:
    app = app_of(
        tmp_path,
        {
            "shop/__init__.py": "",
            "shop/events.py": "ORDERED = 'Ordered'  # of analytics\nclass Names:\n    LEFT = 'Left'\n",
            "shop/a.py": f"{SDK}from shop import events\nfrom .events import ORDERED, Names\n"
            "a.track(u, ORDERED)\na.track(u, events.ORDERED)\na.track(u, Names.LEFT)\n",
        },
    )
    assert [call.event for call in app.calls] == ["Ordered", "Ordered", "Left"]


def test_a_constant_that_is_set_twice_is_not_known(tmp_path: Path) -> None:
    app = app_of(tmp_path, {"a.py": f"{SDK}NAME = 'x'\nNAME = 'y'\na.track(u, NAME)\n"})
    assert [call.event for call in app.calls] == [None]


# Under which names a client is called: the file's text before `.track(u, "x")`.
IMPORT = "from segment.analytics import Client\n"
CLIENTS = {
    "a variable": f"{IMPORT}c = Client('k')\nc",
    "a class of the app's own": f"{IMPORT}class Mine(Client): pass\nMine('k')",
    "a parameter": f"{IMPORT}def f(c: 'Client', d: Client | None):\n    d",
    "an attribute": f"{IMPORT}class A:\n    def a(self): self._c = Client('k')\n    def f(self):\n        self._c",
    "a class's own": f"{IMPORT}class A:\n    c = Client('k')\n    def f(self):\n        self.c",
    "a property": f"{IMPORT}class A:\n    @property\n    def c(self) -> Client: ...\n    def f(self):\n        self.c",
    "a function": f"{IMPORT}def get() -> Client: ...\nget()",
    "a function without a type": f"{IMPORT}def get():\n    return Client('k')\nget()",
    "an import that may fail": "try:\n    import analytics\nexcept ImportError:\n    analytics = None\nanalytics",
    "the default client": "import segment.analytics as a\na.default_client",
    "the module under another name": "import segment.analytics\nsdk = segment.analytics\nsdk",
    "a loaded module": "import importlib\nsdk = importlib.import_module('segment.analytics')\nsdk",
}


@pytest.mark.parametrize("text", CLIENTS.values(), ids=CLIENTS)
def test_a_client_s_calls_are_found(tmp_path: Path, text: str) -> None:
    app = app_of(tmp_path, {"a.py": f"{text}.track(u, 'x')\n"})
    assert [call.event for call in app.calls] == ["x"]


SHARED = {
    "from shop.sdk import analytics as x": "x",
    "from shop.sdk import client as x": "x",
    "from shop import sdk": "sdk.analytics",
    "import shop.sdk": "shop.sdk.client",
    "from .sdk import client": "client",
    "from . import sdk": "sdk.client",
    "from .again import client": "client",
}


@pytest.mark.parametrize("line", SHARED)
def test_calls_through_another_file_of_the_app_are_found(tmp_path: Path, line: str) -> None:
    app = app_of(
        tmp_path,
        {
            "src/shop/__init__.py": "",
            "src/shop/sdk.py": "import segment.analytics as analytics\nclient = analytics.Client('k')\n",
            "src/shop/again.py": "from .sdk import client  # analytics\nfrom . import a\n",
            "src/shop/a.py": f"from .again import nothing\n{line}\n{SHARED[line]}.track(u, 'x')\n",
        },
    )
    assert [call.event for call in app.calls] == ["x"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("pool.submit(a.track, u, 'x')", "reference"),
        ("send = partial(a.track, u)", "reference"),
        ("getattr(a, name)(u)", "dynamic"),
        ("class Mine(a.Client): pass", "subclass"),
        ("try: pass\nexcept a.request.APIError: pass", "api-error"),
        ("try: pass\nexcept (ValueError, a.request.APIError) as error: pass", "api-error"),
        ("from segment.analytics.request import post", "submodule"),
        ("from segment.analytics import utils", "submodule"),
    ],
)
def test_another_use_of_the_sdk_is_reported(tmp_path: Path, code: str, kind: str) -> None:
    assert kind in kinds(app_of(tmp_path, {"a.py": f"{SDK}{code}\n"}))
