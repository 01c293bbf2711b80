"""Every file in examples/ is run as its reader would run it, and what it says arrives in PostHog does arrive."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES, KEY, PATIENCE, environment, essence, run
from tests.support.posthog_server import PostHogServer

RUN_IN = ("test_examples.py", "test_examples_of_apps.py", "test_replay_on_dask.py")


def test_a_lambda_handler_has_delivered_when_it_returns_at_a_cold_and_at_a_warm_start(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_PROJECT_API_KEY", KEY)
    monkeypatch.setenv("POSTHOG_HOST", posthog_server.url)
    handler = runpy.run_path(str(EXAMPLES / "aws_lambda.py"))["handler"]
    arrived = []
    for number in range(2):
        assert handler({"user_id": f"user-{number}", "total": 12.5}, None) == {"statusCode": 200}
        arrived.append([essence(event) for event in posthog_server.events])
    expected = [("Order Placed", f"user-{number}", {"total": 12.5, "$geoip_disable": True}) for number in range(2)]
    assert arrived == [expected[:1], expected]


def test_a_script_leaves_nothing_in_the_queue(posthog_server: PostHogServer) -> None:
    assert run("script.py", environment(posthog_server)) == ""
    at = "2026-11-01T02:30:00.000+00:00"
    assert [(event["timestamp"] == at, *essence(event)) for event in posthog_server.wait_for(4, timeout=1)] == [
        (False, "$identify", "user-42", {"$set": {"plan": "team", "seats": 12}, "$geoip_disable": True}),
        (
            False,
            "$groupidentify",
            "user-42",
            {
                "$group_type": "segment_group",
                "$group_key": "company-7",
                "$group_set": {"name": "Example Ltd"},
                "$geoip_disable": True,
            },
        ),
        (True, "Invoice Paid", "user-42", {"invoice": "INV-1", "amount": 120.0, "$geoip_disable": True}),
        (True, "Invoice Paid", "user-42", {"invoice": "INV-2", "amount": 80.5, "$geoip_disable": True}),
    ]


def test_the_quickstart_shows_what_arrives_for_each_of_the_six_calls_when_there_is_no_key(
    posthog_server: PostHogServer,
) -> None:
    env = environment(posthog_server)
    del env["POSTHOG_PROJECT_API_KEY"]
    rows = [line.split("  ") for line in run("quickstart.py", env).splitlines()]
    assert [[cell.strip() for cell in row if cell][:3] for row in rows if row[0] in SEGMENT_CALLS] == [
        ["identify", "$identify", "user-42"],
        ["track", "Signed Up", "user-42"],
        ["page", "$pageview", "user-42"],
        ["screen", "$screen", "user-42"],
        ["group", "$groupidentify", "user-42"],
        ["alias", "$create_alias", "user-42"],
    ]
    shown = {row[-1].strip() for row in rows}
    assert {'$set = {"email": "user@example.com", "plan": "team"}', "seats = 12", '$screen_name = "Settings"'} <= shown
    assert posthog_server.requests == []


SEGMENT_CALLS = ("identify", "track", "page", "screen", "group", "alias")


def test_the_quickstart_sends_to_posthog_when_there_is_a_key_and_says_where_to_look(
    posthog_server: PostHogServer,
) -> None:
    printed = run("quickstart.py", environment(posthog_server))
    assert printed == "6 events were sent. See them in PostHog under Activity, as the person user-42.\n"
    assert [event["event"] for event in posthog_server.wait_for(6, timeout=1)] == [
        "$identify",
        "Signed Up",
        "$pageview",
        "$screen",
        "$groupidentify",
        "$create_alias",
    ]
    assert {batch["api_key"] for batch in posthog_server.batches} == {KEY}


def test_the_quickstart_fails_and_says_why_when_posthog_refuses_the_key(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (401, {}, b'{"detail": "invalid key"}')
    command = [sys.executable, str(EXAMPLES / "quickstart.py")]
    done = subprocess.run(
        command, env=environment(posthog_server), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Not everything was delivered" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_under_40_lines_reads_its_key_from_the_environment_and_is_run(example: Path) -> None:
    text = example.read_text()
    assert len(text.splitlines()) < (130 if example.name == "quickstart.py" else 40)
    assert "POSTHOG_PROJECT_API_KEY" in text
    assert "POSTHOG_HOST" in text
    tests = "".join(Path(__file__).with_name(name).read_text("utf-8") for name in RUN_IN)
    assert (
        example.name in tests
        or f"{example.stem}:app" in tests
        or f'"{example.stem}"' in tests
        or f"from {example.stem} " in tests
    )


def test_there_is_nothing_in_examples_but_python_files() -> None:
    assert {path.suffix for path in EXAMPLES.rglob("*") if path.is_file() and path.parent.name != "__pycache__"} == {
        ".py"
    }
