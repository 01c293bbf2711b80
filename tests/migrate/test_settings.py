"""The write key and the host come from the environment afterwards; the old ones stay in a comment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrate.support import after, app_of, kinds

KEY = 'os.environ.get("POSTHOG_PROJECT_API_KEY")'
HOST = 'os.environ.get("POSTHOG_HOST")'
SET_KEY = "# Set $POSTHOG_PROJECT_API_KEY to PostHog's project API key (phc_...). Before: "
SET_HOST = "# Set $POSTHOG_HOST to PostHog's address, such as https://eu.i.posthog.com. Before: "
BEFORE = "import os\nimport segment.analytics as a\n"
AFTER = "import os\nimport analytics_posthog as a\n"
CLIENT = "import os\nfrom segment.analytics import Client\n"
OUR_CLIENT = "import os\nfrom analytics_posthog import Client\n"

CHANGES = {
    "a text": (
        f'{BEFORE}a.write_key = "k"  # prod\n',
        f'{AFTER}{SET_KEY}a.write_key = "k"\na.write_key = {KEY}  # prod\na.host = {HOST}\n',
    ),
    "key and host": (
        f"{BEFORE}a.write_key = settings.KEY\na.host = settings.HOST\n",
        f"{AFTER}{SET_KEY}a.write_key = settings.KEY\na.write_key = {KEY}\n"
        f"{SET_HOST}a.host = settings.HOST\na.host = {HOST}\n",
    ),
    "indented": (
        f"{BEFORE}if True:\n    a.write_key = os.environ['K']\n",
        f"{AFTER}if True:\n    {SET_KEY}a.write_key = os.environ['K']\n    a.write_key = {KEY}\n    a.host = {HOST}\n",
    ),
    "over lines": (
        f"{BEFORE}a.write_key = (\n    'k'\n)\n",
        f"{AFTER}{SET_KEY}a.write_key = 'k'\na.write_key = (\n    {KEY}\n)\na.host = {HOST}\n",
    ),
    "a client": (f"{CLIENT}c = Client('k')\n", f"{OUR_CLIENT}{SET_KEY}write_key='k'\nc = Client({KEY}, host={HOST})\n"),
    "a client with both": (
        f"{CLIENT}c = Client(write_key='k', send=True, host='h')\n",
        f"{OUR_CLIENT}{SET_KEY}write_key='k'\n{SET_HOST}host='h'\n"
        f"c = Client(write_key={KEY}, send=True, host={HOST})\n",
    ),
    "a lone CR in a text": (
        f'{BEFORE}a.write_key = "k"\nx = 1\ry = 2\n',
        f'{AFTER}{SET_KEY}a.write_key = "k"\na.write_key = {KEY}\na.host = {HOST}\nx = 1\ry = 2\n',
    ),
    "a lone CR before all": (
        'x = 1\ry = 2\nimport segment.analytics as a\na.host = "h"\n',
        f'import os\nx = 1\ry = 2\nimport analytics_posthog as a\n{SET_HOST}a.host = "h"\na.host = {HOST}\n',
    ),
    "os is imported where it is missing": (
        '"""Text."""\n\nfrom __future__ import annotations\n\nimport json\nimport segment.analytics as a\n\n'
        'a.write_key = "k"\na.host = "h"\n',
        '"""Text."""\n\nfrom __future__ import annotations\n\nimport json\nimport os\nimport analytics_posthog as a\n\n'
        f'{SET_KEY}a.write_key = "k"\na.write_key = {KEY}\n{SET_HOST}a.host = "h"\na.host = {HOST}\n',
    ),
    "a function's client": (
        f"{CLIENT}def get() -> Client: ...\nget().write_key = 'k'\n",
        f"{OUR_CLIENT}def get() -> Client: ...\n{SET_KEY}get().write_key = 'k'\n"
        f"get().write_key = {KEY}\nget().host = {HOST}\n",
    ),
    "no line break at the end": (
        f"{BEFORE}a.write_key = 'k'",
        f"{AFTER}{SET_KEY}a.write_key = 'k'\na.write_key = {KEY}\na.host = {HOST}",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_key_and_host_come_from_the_environment(tmp_path: Path, name: str) -> None:
    before, changed = CHANGES[name]
    assert after(tmp_path, {"a.py": before}) == {"a.py": changed}
    compile(changed, "a.py", "exec")


@pytest.mark.parametrize("name", CHANGES)
def test_a_second_run_changes_nothing(tmp_path: Path, name: str) -> None:
    assert after(tmp_path, {"a.py": CHANGES[name][1]}) == {}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def f(key):\n    a.write_key = key\n", "it comes from a variable"),
        ("class A:\n    def f(self):\n        a.write_key = self.config['KEY']\n", "it comes from a variable"),
        ("a.write_key = ''\n", "nothing is sent with it"),
        ("a.write_key = None\n", "nothing is sent with it"),
        ("a.send = True; a.write_key = 'k'\n", "the statement isn't on a line of its own"),
        ("if True: a.write_key = 'k'\n", "the statement isn't on a line of its own"),
        ("a.write_key = settings.POSTHOG_KEY\n", "it names PostHog already"),
    ],
)
def test_a_key_that_must_be_changed_by_hand_is_named(tmp_path: Path, code: str, why: str) -> None:
    app = app_of(tmp_path, {"a.py": BEFORE + code})
    found = [site for site in app.sites if site.risk.kind == "write-key-left"]
    assert [site.risk.remedy for site in found] == [f"Give PostHog's project key there: {why}"]
    assert app.changes[0].after.decode() == AFTER + code


def test_os_of_the_app_s_own_is_not_used(tmp_path: Path) -> None:
    app = app_of(tmp_path, {"a.py": "from app import os\nimport segment.analytics as a\na.write_key = 'k'\n"})
    assert [site.risk.remedy for site in app.sites if site.risk.kind == "write-key-left"] == [
        "Give PostHog's project key there: `os` is something else here"
    ]


def test_a_test_s_own_key_stays(tmp_path: Path) -> None:
    app = app_of(tmp_path, {"tests/test_a.py": f"{BEFORE}a.write_key = 'k'\n"})
    assert kinds(app) == ["import", "setting-of-test"]
    assert app.changes[0].after.decode() == f"{AFTER}a.write_key = 'k'\n"


def test_a_key_in_the_code_is_in_no_line_of_the_audit(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.py": f"{BEFORE}x = 1; a.write_key = 'SECRET'\n",
        "b.py": f"{CLIENT}c = Client('SECRET')\n",
    }
    assert "SECRET" not in str([site.risk for site in app_of(tmp_path, files).sites])


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("a.sync_mode = True", "sync-mode"),
        ("a.sync_mode = settings.SYNC", "sync-mode"),
        ("a.oauth_client_id = 'x'", "oauth"),
        ("a.endpoint = '/x'", "unknown-setting"),
        ("c = a.Client('k', host='https://api.segment.io', sync_mode=True)", "sync-mode"),
        ("c = a.Client('k', endpoint='x')", "unknown-setting"),
        ("x = 'https://events.eu1.segmentapis.com'", "segment-host"),
        ("x = 'https://api.segment.io/v1'", "segment-host"),
    ],
)
def test_a_setting_that_means_something_else_is_reported(tmp_path: Path, line: str, kind: str) -> None:
    assert kind in kinds(app_of(tmp_path, {"a.py": f"{BEFORE}{line}\n"}))


@pytest.mark.parametrize(
    "line", ["a.sync_mode = False", "a.debug = True", "a.max_queue_size = 5", "a.default_client = None"]
)
def test_a_setting_that_works_as_before_is_not_reported(tmp_path: Path, line: str) -> None:
    assert kinds(app_of(tmp_path, {"a.py": f"{BEFORE}{line}\n"})) == ["import"]
