"""Each web app and worker in examples/ is started as its reader would start it, and delivers its events."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.examples import EXAMPLES, PATIENCE, environment, essence
from tests.support.posthog_server import PostHogServer

SESSION = "01900000-0000-7000-8000-000000000042"
SIGNUP = {"user_id": "user-42", "plan": "team"}
FORM = urllib.parse.urlencode(SIGNUP).encode()


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], ready: str, log: Path) -> Iterator[re.Match[str]]:
    """Start a server or worker. Yield the match of the line that says that it is ready. Stop it by a Ctrl-C."""
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
        "$pathname": "/signup",
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
        "$geoip_disable": True,
        "$current_url": url,
        "$host": url.split("/")[2],
        "$pathname": "/signup",
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
        "$geoip_disable": True,
        "$current_url": url,
        "$host": url.split("/")[2],
        "$pathname": "/signup",
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


# The broker is a directory in place of Redis. The worker, its forked processes and the messages are real.
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
