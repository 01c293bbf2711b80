"""Each snippet of the README and the docs is run, and sends the events that the comment above it names.

The guide, docs/moving.md, has tests of its own, and so have the suites of docs/testing.md (tests/repo/test_readme.py).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.child_process import environment, run_python
from tests.support.docs import PAGES, Block, blocks, has_only_known_extras, prepare, run
from tests.support.inspector_process import KEY, Inspector
from tests.support.posthog_server import PostHogServer
from tests.support.suite_process import NO_SERVER, run_suite

ELSEWHERE = {"moving.md", "testing.md"}
A_FILE = re.compile(r"# (\w+\.py)\n")
PYTHON = [block for page in PAGES if page not in ELSEWHERE for block in blocks(page, "python")]
SCRIPTS = [block for block in PYTHON if not A_FILE.match(block.code) and not block.marks.startswith("with: ")]
SHELL = [block for page in PAGES if page not in ELSEWHERE for block in blocks(page, "sh")]
COMMANDS = [block for block in SHELL if not block.marks.endswith("-command")]  # CI runs these two of the README


def name_of(block: Block) -> str:
    return f"{block.page}: {block.code.strip().splitlines()[-1][:50]}"


def run_code(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a snippet as a file in a directory."""
    (directory / "snippet.py").write_text(code)
    command = [sys.executable, "-W", "error", "snippet.py"]
    return subprocess.run(
        command, env=environment(), cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


def test_each_block_of_python_has_its_test() -> None:
    others = [(block.page, A_FILE.match(block.code), block.marks) for block in PYTHON if block not in SCRIPTS]
    assert sorted((page, file[1] if file else marks) for page, file, marks in others) == [
        ("README.md", "settings.py"),
        ("README.md", "test_signup.py"),
        ("frameworks.md", "settings.py"),
        ("frameworks.md", "with: django"),
        ("inspector.md", "with: inspector"),
    ]
    assert len(SCRIPTS) > 15


@pytest.mark.parametrize("block", SCRIPTS, ids=name_of)
def test_a_snippet_runs_and_sends_what_it_says(block: Block, posthog_server: PostHogServer, tmp_path: Path) -> None:
    done = run_code(block.filled(posthog_server, tmp_path), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(event["event"] for event in posthog_server.unique_events()) == block.sends


def leave_a_message_in_the_outbox(server: PostHogServer, directory: Path) -> None:
    """Run the page's Python while PostHog is away."""
    (block,) = blocks("outbox.md", "python")
    done = run_code(block.filled(server, directory).replace(server.url, NO_SERVER), directory)
    assert done.returncode == 0
    assert "1 event not sent before the exit; kept in the outbox" in done.stderr


@pytest.mark.parametrize("block", COMMANDS, ids=name_of)
def test_the_commands_do_what_they_say(block: Block, posthog_server: PostHogServer, tmp_path: Path) -> None:
    code = block.filled(posthog_server, tmp_path)
    assert all(map(has_only_known_extras, re.findall(r"^pip install .*$", code, re.M)))
    if block.page == "outbox.md":
        leave_a_message_in_the_outbox(posthog_server, tmp_path)
    done = run(re.sub(r"^pip install .*$", "", code, flags=re.M), prepare(tmp_path), posthog_server)
    assert (done.returncode, re.findall(r"error|Traceback", done.stderr)) == (0, [])
    assert sorted(event["event"] for event in posthog_server.unique_events()) == block.sends


@pytest.mark.parametrize("page", ["README.md", "frameworks.md"])
def test_django_s_settings_work_and_a_view_sends_its_event(
    page: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    (settings,) = (block for block in blocks(page, "python") if block.code.startswith("# settings.py"))
    (view,) = (block for block in blocks("frameworks.md", "python") if block.marks == "with: django")
    more = 'SECRET_KEY, ROOT_URLCONF, ALLOWED_HOSTS = "x", "urls", ["testserver"]\n'
    (tmp_path / "settings.py").write_text(settings.filled(posthog_server, tmp_path).replace("..., ", "") + more)
    urls = "from django.urls import path\n\nurlpatterns = [path('signup', signup)]\n"
    (tmp_path / "urls.py").write_text(view.code + urls)
    script = (
        "import django\ndjango.setup()\n"
        "from django.core.management import call_command\ncall_command('check')\n"
        "from django.test import Client\n"
        "assert Client().post('/signup', {'user_id': 'u1'}).content == b'ok'\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = run_python(str(tmp_path / "script.py"), DJANGO_SETTINGS_MODULE="settings")
    assert (done.returncode, done.stderr) == (0, "")
    (event,) = posthog_server.wait_for(1)
    assert (event["event"], event["distinct_id"]) == ("Signed Up", "u1")
    assert event["properties"]["$current_url"] == "http://testserver/signup"


def test_the_readme_s_test_passes_and_fails_when_the_app_is_broken(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("README.md", "python") if block.code.startswith("# test_signup.py"))
    app = (
        "import pytest\nfrom django.conf import settings\n\n"
        "import analytics_posthog as analytics\n\n"
        "pytest_plugins = ['analytics_posthog.pytest_plugin']\n"
        "settings.configure(ALLOWED_HOSTS=['testserver'], ROOT_URLCONF='conftest')\n"
        "from django.http import HttpResponse\nfrom django.test import Client\nfrom django.urls import path\n\n\n"
        "def signup(request):\n"
        "    analytics.track('u1', 'Signed Up', {'plan': request.POST['plan']})\n"
        "    return HttpResponse('ok')\n\n\n"
        "urlpatterns = [path('signup', signup)]\n\n\n"
        "@pytest.fixture\ndef client():\n    return Client()\n"
    )
    (tmp_path / "test_signup.py").write_text(shown.code)
    (tmp_path / "conftest.py").write_text(app)
    assert run_suite(tmp_path)[:2] == (["test_a_signup_is_tracked"], [])
    (tmp_path / "conftest.py").write_text(app.replace("'plan': request", "'tier': request"))
    assert run_suite(tmp_path)[:2] == ([], ["test_a_signup_is_tracked"])


def test_the_end_to_end_helper_waits_for_an_event_at_the_inspector(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("inspector.md", "python") if block.marks == "with: inspector")
    with Inspector() as inspector:
        call = f"from analytics_posthog import Client\nclient = Client({KEY!r}, {inspector.url!r})\n"
        call += "client.track('u1', 'Order Completed', {'sku': 'tea'})\n"
        snippet = shown.code.replace("timeout=10)", f"timeout=10, inspector={inspector.url!r})")
        assert snippet != shown.code
        done = run_python("-c", call + snippet + "assert event['properties']['sku'] == 'tea', event\n")
    assert (done.returncode, done.stderr) == (0, "")
