"""A Django project with a database and signed-in users: its settings, its checks, and its views under both servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.child_process import environment, run_python
from tests.support.examples import running
from tests.support.posthog_server import PostHogServer
from tests.support.web import HEADERS, PATH, QUERY, expected

PROJECT = """
import json, os
from django.conf import settings
settings.configure(
    SECRET_KEY="s",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "database"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
    + ["analytics_posthog.integrations.django"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"]
    + ["django.contrib.auth.middleware.AuthenticationMiddleware"]
    + ["analytics_posthog.integrations.django.AnalyticsMiddleware"],
    ANALYTICS_POSTHOG=json.loads(os.environ["ANALYTICS_POSTHOG"]),
)
import django
django.setup()
import threading
from contextvars import copy_context
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path, re_path
import analytics_posthog as analytics

def sign_in(request):
    login(request, User.objects.get_or_create(username="ann", id=42)[0])
    return HttpResponse()

def sync(request, rest):
    ids = {"user_id": request.GET["as"]} if "as" in request.GET else {}
    thread = threading.Thread(target=copy_context().run, args=[lambda: analytics.track(event="Bought", **ids)])
    thread.start()
    thread.join()
    return HttpResponse()

async def in_the_loop(request, rest):
    analytics.track(event="Bought", **({"user_id": request.GET["as"]} if "as" in request.GET else {}))
    return HttpResponse()

urlpatterns = [path("sign-in", sign_in), re_path("sync(.*)", sync), re_path("async(.*)", in_the_loop)]
asgi, wsgi = get_asgi_application(), get_wsgi_application()
if __name__ == "__main__":
    execute_from_command_line()
"""
SERVERS = {
    "wsgi": ["gunicorn", "--bind", "127.0.0.1:0", "project:wsgi"],
    "asgi": ["uvicorn", "--port", "0", "--no-proxy-headers", "project:asgi"],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project.py").write_text(PROJECT)
    return tmp_path


def variables(folder: Path, **settings: Any) -> dict[str, str]:
    path = f"{folder}:{environment()['PYTHONPATH']}"
    return environment(ANALYTICS_POSTHOG=json.dumps(settings), PYTHONPATH=path, PYTHONUNBUFFERED="1")


def manage(folder: Path, *command: str, **settings: Any) -> tuple[int, str]:
    """The exit code and the output of `manage.py`."""
    done = run_python(str(folder / "project.py"), *command, **variables(folder, **settings))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("server", SERVERS)
def test_a_view_s_call_carries_the_request_and_by_opt_in_who_is_signed_in(
    server: str, project: Path, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    settings: dict[str, Any] = {"write_key": "phc_key", "host": posthog_server.url, "identify_users": True}
    settings |= {"trusted_proxies": ["127.0.0.0/8"], "upload_interval": 0.05}
    assert manage(project, "migrate", **settings)[0] == 0
    with running(
        SERVERS[server], variables(project, **settings), r"(http://127\.0\.0\.1:[1-9]\d*)", project / "log"
    ) as at:
        base = at[1]
        with httpx.Client(trust_env=False, headers=HEADERS) as browser:
            assert browser.get(f"{base}/async?as=u1").status_code == 200  # not signed in
            assert browser.get(f"{base}/sign-in").status_code == 200
            for view in ("sync", "async"):
                for query in (QUERY, f"{QUERY}&as=u1"):
                    assert browser.get(f"{base}/{view}{PATH}{query}").status_code == 200
            events = posthog_server.wait_for(5)
    assert [event["distinct_id"] for event in events] == ["u1", "42", "u1", "42", "u1"]
    for event, path in zip(events[1:], [f"/{view}{PATH}" for view in ("sync", "sync", "async", "async")], strict=True):
        query = f"{QUERY}&as=u1" if event["distinct_id"] == "u1" else QUERY
        found = {**event["properties"], "distinct_id": "u1"}
        found.pop("segment_userId", None)
        assert found == expected(base, "203.0.113.7", path, query)


def test_manage_py_check_names_what_is_wrong_in_the_settings(project: Path) -> None:
    wrong = {"hots": "https://eu.i.posthog.com", "timeout": -1, "trusted_proxies": ["10.0.0.0/99"], "thread": 0}
    status, said = manage(project, "check", write_key="phc_key", identify_users="yes", **wrong)
    assert status == 1
    assert said.count("(analytics_posthog.E001)") == 5
    assert "'hots' is no setting. Did you mean host?" in said
    assert "'10.0.0.0/99' is no address and no network" in said
    assert "identify_users must be True or False, got a str" in said
    assert "phc_key" not in said


def test_manage_py_check_warns_of_a_missing_key(project: Path) -> None:
    status, said = manage(project, "check")
    assert status == 0
    assert "(analytics_posthog.W001)" in said
    assert manage(project, "check", write_key="") == (0, "System check identified no issues (0 silenced).\n")


def test_manage_py_analytics_check_sends_an_event_with_the_project_s_own_settings(
    project: Path, posthog_server: PostHogServer
) -> None:
    status, said = manage(project, "analytics_check", write_key="phc_key", host=posthog_server.url)
    assert (status, len(posthog_server.events)) == (0, 1), said
    assert "phc_key" not in said
    posthog_server.answer = lambda _: (401, {}, b"")
    status, said = manage(project, "analytics_check", write_key="phc_key", host=posthog_server.url)
    assert (status, "CommandError: the check failed" in said) == (1, True), said


def test_a_wrong_setting_reaches_no_view(project: Path) -> None:
    code = "import project, analytics_posthog as a; print(a.timeout, a.write_key)"
    done = run_python("-c", code, **variables(project, write_key="", timeout=-1))
    assert (done.returncode, done.stdout) == (0, "15 \n"), done.stderr
