"""`check --json` and `--quiet`: for scripts."""

from __future__ import annotations

import json

import pytest

from tests.support.check_command import Check, only_the_key
from tests.support.posthog_server import PostHogServer


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    only_the_key(monkeypatch)
    return Check(capsys)


def test_json_has_the_same_lines_and_whether_all_is_well(posthog_server: PostHogServer, check: Check) -> None:
    code, lines, _ = check("--host", posthog_server.url, "--no-event", "--json")
    found = json.loads("\n".join(lines))
    shown = check("--host", posthog_server.url, "--no-event")[1]
    assert (code, found["ok"]) == (0, True)
    assert [f"{line['status']:<7} {line['check']:<8} {line['text']}" for line in found["checks"]] == shown


def test_json_says_what_failed_and_the_exit_code_stays(check: Check) -> None:
    code, lines, err = check("--host", "https://api.segment.io", "--json")
    found = json.loads("\n".join(lines))
    assert (code, found["ok"], [line["status"] for line in found["checks"]]) == (2, False, ["ok", "FAILED"])
    assert err == "analytics-posthog: check failed: host\n"


def test_quiet_shows_only_what_failed(posthog_server: PostHogServer, check: Check) -> None:
    assert check("--host", posthog_server.url, "--quiet") == (0, [], "")
    code, (line,), _ = check("--host", "https://api.segment.io", "--quiet")
    assert (code, line.split()[:2]) == (2, ["FAILED", "host"])
