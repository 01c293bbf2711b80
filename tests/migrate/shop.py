"""Writes a code base that uses Segment's SDK in every spelling: a shop of 80 Python files with 300 calls."""

from __future__ import annotations

from pathlib import Path

FILES = 80
CALLS = 300

# The calls of a module, by the name under which it has the SDK. `client` has a method, as the module has a function.
_BODY = """

def ordered(user, order):
    {sdk}track(user.id, "Order Completed", {{"revenue": order.total, "currency": "EUR"}})  # for the shop's charts
    {sdk}identify(user.id, {{"plan": user.plan}})


def viewed(request, name):
    {sdk}page(
        request.user_id, "Shop", name,
        {{"path": request.path}},   # formatted by hand
    )
    {sdk}screen(anonymous_id=request.visitor, name="Start")
    {sdk}group(user_id=request.user_id, group_id=request.team, traits=dict(size=3))
"""
_CALLS_OF_BODY = 5

# How a module imports the SDK, and the prefix of its calls.
SPELLINGS = {
    "older": ("import analytics\n", "analytics."),
    "aliased": ("import segment.analytics as analytics\n", "analytics."),
    "from_segment": ("from segment import analytics\n", "analytics."),
    "from_segment_as": ("from segment import analytics as sa\n", "sa."),
    "whole": ("import segment.analytics\n", "segment.analytics."),
    "names": ("from segment.analytics import alias, group, identify, page, screen, track\n", ""),
    "client": (
        "from segment.analytics import Client\nfrom shop import keys\n\n"
        "client = Client(keys.SEGMENT, max_queue_size=100)\n",
        "client.",
    ),
    "client_of_submodule": (
        "from segment.analytics.client import (\n    Client as SegmentClient,  # by its own name\n)\n\n"
        'client = SegmentClient(\n    write_key="an old key",\n    host="https://api.segment.io",\n)\n',
        "client.",
    ),
    "shared": ("from shop.tracking import analytics\n", "analytics."),
    "relative": ("from .tracking import shared_client\n", "shared_client."),
    "checked_only": (
        "from typing import TYPE_CHECKING\n\nfrom . import tracking\n\nif TYPE_CHECKING:\n"
        "    from segment.analytics import Client\n\n\ndef sdk() -> Client:\n    return tracking.shared_client\n",
        "sdk().",
    ),
}

_TRACKING = '''"""One place for the SDK."""

from __future__ import annotations

import logging

import segment.analytics as analytics
from segment.analytics import Client

from shop import keys

logging.getLogger("segment").setLevel(logging.ERROR)


def failed(error, items):
    logging.warning("lost %d", len(items))


analytics.write_key = keys.SEGMENT
analytics.host = "https://api.segment.io"
analytics.on_error = failed
analytics.send = False
shared_client = Client(keys.SEGMENT, send=False)
'''
_LOCAL = '''"""Imports the SDK where it is needed."""


def registered(user):
    import segment.analytics as analytics

    analytics.alias(user.visitor, user.id)
    analytics.flush()


def left(user):
    from segment.analytics import track

    track(user.id, "Left")
'''
_CALLS_OF_LOCAL = 2
_TEST = '''"""The shop's own tests: with mocks, and with the SDK itself."""

import importlib
from types import SimpleNamespace
from unittest import mock

from shop import tracking, {module} as module

assert tracking.analytics.send is False
USER = SimpleNamespace(id="u1", plan="pro", visitor="v1")
ORDER = SimpleNamespace(total=5)


def test_the_order_is_tracked():
    with mock.patch("segment.analytics.client.Client.track") as track:
        module.ordered(USER, ORDER)
    assert track.call_count <= 1


def test_nothing_is_sent_in_tests():
    sdk = importlib.import_module("segment.analytics")
    sdk.send = False
    with mock.patch.object(sdk, "identify") as identify:
        sdk.identify("u1")
    identify.assert_called_once_with("u1")


def test_the_call_answers_with_its_message():
    import segment.analytics

    segment.analytics.write_key = segment.analytics.write_key or "a key of the tests"
    segment.analytics.send = False
    answered, message = segment.analytics.track("u1", "Seen")
    assert answered
    assert message["event"] == "Seen"
'''
_CALLS_OF_TEST = 2

_OTHER = "import json\n\n\ndef page_of(number):\n    return json.dumps(number)\n"
_BODIES, _LOCALS, _TESTS = 54, 5, 10

REQUIREMENTS = {
    "requirements.txt": "django>=5\nsegment-analytics-python==2.3.2  # events\nrequests\n",
    "requirements/dev.in": '-r ../requirements.txt\nanalytics-python>=1.4 ; python_version < "3.9"\npytest\n',
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = [\n    "django>=5",\n'
    "    'segment-analytics-python[ujson]>=2.2,<3',\n]\n\n[tool.poetry.dependencies]\npython = \"^3.10\"\n"
    'segment-analytics-python = {version = "^2.3", optional = true}\n\n[tool.uv]\n'
    'dev-dependencies = ["segment-analytics-python~=2.3"]\n',
    "setup.cfg": "[options]\ninstall_requires =\n    requests\n    segment_analytics_python>=2\n",
    "Pipfile": '[packages]\nrequests = "*"\nsegment-analytics-python = "*"\n',
    "environment.yml": "dependencies:\n  - python=3.11\n  - pip:\n    - segment-analytics-python==2.3.2\n",
}
_SETUP = (
    "from setuptools import setup\n\n"
    'setup(name="shop", install_requires=["requests", "segment-analytics-python>=2.2"])\n'
)


def write(place: Path) -> None:
    """Write the code base into a directory that is empty."""
    shop, tests = place / "shop", place / "tests"
    for directory in (shop, tests, place / "requirements"):
        directory.mkdir(parents=True)
    for name, text in REQUIREMENTS.items():
        (place / name).write_text(text)
    files = {"shop/__init__.py": "", "shop/keys.py": 'SEGMENT = "an old key"\n', "shop/tracking.py": _TRACKING}
    files |= {"setup.py": _SETUP, "shop/plain.py": 'analytics = {"track": 1}\n\n\ndef track(name):\n    return name\n'}
    calls = 0
    for number in range(_BODIES):
        name, (imported, prefix) = list(SPELLINGS.items())[number % len(SPELLINGS)]
        files[f"shop/{name}_{number}.py"] = f'"""The shop, part {number}."""\n\n{imported}{_BODY.format(sdk=prefix)}'
        calls += _CALLS_OF_BODY
    for number in range(_LOCALS):
        files[f"shop/local_{number}.py"] = _LOCAL
        calls += _CALLS_OF_LOCAL
    modules = [name.split("/")[1].removesuffix(".py") for name in files if name.endswith(("_0.py", "_1.py", "_2.py"))]
    for number in range(_TESTS):
        files[f"tests/test_shop_{number}.py"] = _TEST.format(module=modules[number % 3])
        calls += _CALLS_OF_TEST
    for number in range(FILES - len(files)):
        files[f"shop/other_{number}.py"] = _OTHER
    assert (len(files), calls) == (FILES, CALLS), (len(files), calls)
    for name, text in files.items():
        (place / name).write_text(text)
