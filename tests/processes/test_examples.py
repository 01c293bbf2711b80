"""Every file in examples/ is run as its reader would run it, and what it says arrives in PostHog does arrive."""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.posthog_server import PostHogServer

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "phc_examples"
PATIENCE = 120  # seconds for a process to start or to end; a machine with other work takes long to import a framework
SESSION = "01900000-0000-7000-8000-000000000042"

# What every event has, and what only says again which other properties there are; both are tested elsewhere.
COMMON = {"$lib", "$lib_version", "segment_library", "distinct_id", "$context_tags"}


def environment(server: PostHogServer, **more: str) -> dict[str, str]:
    """The test's environment with the two variables that all examples read."""
    return {
        **os.environ,
        "POSTHOG_PROJECT_API_KEY": KEY,
        "POSTHOG_HOST": server.url,
        "NO_PROXY": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def run(name: str, env: dict[str, str]) -> str:
    """Runs an example to its end, and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], ready: str, log: Path) -> Iterator[re.Match[str]]:
    """A server or worker as its own process; yields the match of its line that says that it is ready, ends it by Ctrl-C."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=env, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:
        yield wait_for_line(process, ready, log)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for_line(process: subprocess.Popen[bytes], pattern: str, log: Path) -> re.Match[str]:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        if match := re.search(pattern, log.read_text()):
            return match
        time.sleep(0.05)
    raise AssertionError(f"no {pattern!r} in:\n{log.read_text()}")


def post(url: str, data: bytes, **headers: str) -> dict[str, Any]:
    """What the view answered."""
    request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=PATIENCE) as response:
        return dict(json.load(response))


def essence(event: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """An event without what all have."""
    properties = {name: value for name, value in event["properties"].items() if name not in COMMON}
    return event["event"], event["distinct_id"], properties


SIGNUP = {"user_id": "user-42", "plan": "team"}
FORM = urllib.parse.urlencode(SIGNUP).encode()


def test_django_sends_the_event_of_a_view_with_the_request_and_session_that_posthogs_middleware_knows(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    command = ["django_app", "runserver", "--noreload", "127.0.0.1:0"]
    env = environment(posthog_server, PYTHONPATH=str(EXAMPLES))
    with running(command, env, r"server at (http://127\.0\.0\.1:[1-9]\d*)/", tmp_path / "log") as ready:
        url = f"{ready[1]}/signup"
        assert post(url, FORM, User_Agent="a browser", X_Forwarded_For="203.0.113.7", X_PostHog_Session_Id=SESSION) == {
            "ok": True
        }
        events = posthog_server.wait_for(1, timeout=PATIENCE)
    expected = {
        "plan": "team",
        "$session_id": SESSION,
        "$ip": "203.0.113.7",
        "$current_url": url,
        "$host": url.split("/")[2],
        "$request_path": "/signup",
        "$request_method": "POST",
        "$user_agent": "a browser",
        "$raw_user_agent": "a browser",
    }
    assert [essence(event) for event in events] == [("Signed Up", "user-42", expected)]


def test_flask_sends_the_event_of_a_view_with_the_request_that_posthogs_integration_knows(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    command = ["flask", "--app", str(EXAMPLES / "flask_app.py"), "run", "--port", "0"]
    with running(
        command, environment(posthog_server), r"Running on (http://127\.0\.0\.1:[1-9]\d*)", tmp_path / "log"
    ) as ready:
        url = f"{ready[1]}/signup"
        assert post(url, FORM, User_Agent="a browser") == {"ok": True}
        events = posthog_server.wait_for(1, timeout=PATIENCE)
    expected = {
        "plan": "team",
        "$ip": "127.0.0.1",
        "$current_url": url,
        "$host": url.split("/")[2],
        "$request_path": "/signup",
        "$request_route": "/signup",
        "$request_method": "POST",
        "$user_agent": "a browser",
        "$raw_user_agent": "a browser",
    }
    assert [essence(event) for event in events] == [("Signed Up", "user-42", expected)]


def test_fastapi_sends_the_event_of_a_view_with_the_request_that_posthogs_middleware_knows(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    command = ["uvicorn", "--app-dir", str(EXAMPLES), "fastapi_app:app", "--port", "0"]
    with running(
        command, environment(posthog_server), r"running on (http://127\.0\.0\.1:[1-9]\d*)", tmp_path / "log"
    ) as ready:
        url = f"{ready[1]}/signup"
        assert post(url, json.dumps(SIGNUP).encode(), User_Agent="a browser", Content_Type="application/json") == {
            "ok": True
        }
        events = posthog_server.wait_for(1, timeout=PATIENCE)
    expected = {
        "plan": "team",
        "$ip": "127.0.0.1",
        "$current_url": url,
        "$host": url.split("/")[2],
        "$request_path": "/signup",
        "$request_method": "POST",
        "$user_agent": "a browser",
        "$raw_user_agent": "a browser",
    }
    assert [essence(event) for event in events] == [("Signed Up", "user-42", expected)]


def test_fastapi_delivers_before_it_stops_what_is_still_queued(posthog_server: PostHogServer, tmp_path: Path) -> None:
    # An hour between two uploads: only the shutdown at the end of lifespan can deliver.
    (tmp_path / "patient.py").write_text("from fastapi_app import *\nanalytics.upload_interval = 3600\n")
    command = ["uvicorn", "patient:app", "--port", "0"]
    env = environment(posthog_server, PYTHONPATH=os.pathsep.join([str(EXAMPLES), str(tmp_path)]))
    with running(command, env, r"running on (http://127\.0\.0\.1:[1-9]\d*)", tmp_path / "log") as ready:
        for _ in range(3):
            post(f"{ready[1]}/signup", json.dumps(SIGNUP).encode(), Content_Type="application/json")
        assert posthog_server.events == []
    assert [event["event"] for event in posthog_server.wait_for(3, timeout=1)] == ["Signed Up"] * 3


# A broker in a directory stands in for Redis: the worker, its forked processes and the messages are real.
CELERY_CONFIG = """
from celery_tasks import *
analytics.upload_interval = 3600
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
)
"""


def test_celery_workers_deliver_before_they_end_what_their_tasks_reported(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    (tmp_path / "on_disk.py").write_text(CELERY_CONFIG)
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    env = environment(posthog_server, PYTHONPATH=os.pathsep.join([str(EXAMPLES), str(tmp_path)]))
    ask = "from on_disk import send_invoice\nfor number in range(4): send_invoice.delay(f'user-{number}', 9.5)"
    subprocess.run([sys.executable, "-c", ask], env=env, cwd=tmp_path, check=True, timeout=PATIENCE)
    command = ["celery", "-A", "on_disk", "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "info"]
    with running(command, env, r"(?s)(succeeded in .*){4}", tmp_path / "log"):
        assert posthog_server.events == []
    expected = [("Invoice Sent", f"user-{number}", {"amount": 9.5, "$geoip_disable": True}) for number in range(4)]
    assert sorted(map(essence, posthog_server.wait_for(4, timeout=1)), key=str) == expected


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


def test_a_lambda_handler_says_202_when_posthog_did_not_answer_in_time(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_PROJECT_API_KEY", KEY)
    monkeypatch.setenv("POSTHOG_HOST", posthog_server.url)
    posthog_server.answer = lambda request: (503, {}, b"")
    handler = runpy.run_path(str(EXAMPLES / "aws_lambda.py"))["handler"]
    assert handler({"user_id": "user-1", "total": 12.5}, None) == {"statusCode": 202}
    posthog_server.answer = None


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
def test_an_example_is_under_40_lines_reads_its_key_from_the_environment_and_is_run_here(example: Path) -> None:
    text = example.read_text()
    assert len(text.splitlines()) < (130 if example.name == "quickstart.py" else 40)
    assert "POSTHOG_PROJECT_API_KEY" in text
    assert "POSTHOG_HOST" in text
    tests = "".join(
        path.read_text("utf-8") for path in (Path(__file__), Path(__file__).with_name("test_replay_on_dask.py"))
    )
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
