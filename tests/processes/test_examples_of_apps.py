"""Each web app and worker in examples/ is started as its reader would start it, and delivers its events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import EXAMPLES, PATIENCE, environment, essence, running
from tests.support.posthog_server import PostHogServer
from tests.support.web import HEADERS, SESSION, expected

SIGNUP = {"user_id": "user-42", "plan": "team"}
FORM = urllib.parse.urlencode(SIGNUP).encode()


def post(url: str, data: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """What the view answered."""
    request = urllib.request.Request(url, data, headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=PATIENCE) as response:
        return dict(json.load(response))


DJANGO = ["django_app", "runserver", "--noreload", "127.0.0.1:0"]
FLASK = ["flask", "--app", str(EXAMPLES / "flask_app.py"), "run", "--port", "0"]
FASTAPI = ["uvicorn", "--app-dir", str(EXAMPLES), "--no-proxy-headers", "--port", "0", "fastapi_app:app"]
AS_FORM = FORM, "application/x-www-form-urlencoded"
AS_JSON = json.dumps(SIGNUP).encode(), "application/json"


@pytest.mark.parametrize(
    ("command", "body", "tags"),
    [(DJANGO, AS_FORM, {}), (FLASK, AS_FORM, {"$request_route": "/signup"}), (FASTAPI, AS_JSON, {})],
    ids=["Django", "Flask", "FastAPI"],
)
@pytest.mark.parametrize(("trusted", "ip"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.7")], ids=["", "a proxy"])
def test_a_view_s_event_has_the_request_and_posthog_s_session_and_a_forged_address_is_not_believed(
    command: list[str],
    body: tuple[bytes, str],
    tags: dict[str, str],
    trusted: str,
    ip: str,
    posthog_server: PostHogServer,
    tmp_path: Path,
) -> None:
    """The first address in X-Forwarded-For is the browser's own claim; the second is what a proxy saw."""
    env = environment(posthog_server, PYTHONPATH=str(EXAMPLES), TRUSTED_PROXIES=trusted)
    with running(command, env, r" (http://127\.0\.0\.1:[1-9]\d*)", tmp_path / "log") as ready:
        headers = {**HEADERS, "X-PostHog-Session-Id": SESSION, "Content-Type": body[1]}
        assert post(f"{ready[1]}/signup", body[0], headers) == {"ok": True}
        (event,) = posthog_server.wait_for(1, timeout=PATIENCE)
    by_posthog = {"$request_path": "/signup", "$request_method": "POST", "$user_agent": "a browser", **tags}
    request = {**expected(ready[1], ip, "/signup", ""), "distinct_id": "user-42", **by_posthog, "$session_id": SESSION}
    assert essence(event) == essence({**event, "properties": {"plan": "team", **request}})
    assert (event["event"], event["distinct_id"]) == ("Signed Up", "user-42")


def test_fastapi_delivers_before_it_stops_what_is_still_queued(posthog_server: PostHogServer, tmp_path: Path) -> None:
    # An hour between two uploads: only the end of the lifespan can deliver.
    (tmp_path / "patient.py").write_text("from fastapi_app import *\nanalytics.upload_interval = 3600\n")
    command = ["uvicorn", "patient:app", "--port", "0"]
    env = environment(posthog_server, PYTHONPATH=os.pathsep.join([str(EXAMPLES), str(tmp_path)]))
    with running(command, env, r"running on (http://127\.0\.0\.1:[1-9]\d*)", tmp_path / "log") as ready:
        for _ in range(3):
            post(f"{ready[1]}/signup", AS_JSON[0], {"Content-Type": AS_JSON[1]})
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
