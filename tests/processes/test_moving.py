"""docs/moving.md, the guide: every command and every piece of Python in it is run.

`test_guide_queries.py` runs its SQL.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analytics_posthog._settings import HOST_VARIABLE, KEY_VARIABLE
from analytics_posthog.convert import to_posthog
from tests.support.child_process import run_python
from tests.support.docs import ARCHIVED, KEY, PAGES, blocks, has_only_known_extras, prepare, run
from tests.support.posthog_server import PostHogServer

CHAPTER = PAGES["moving.md"]
COMMANDS = [line for block in blocks("moving.md", "sh") for line in block.code.splitlines() if line]
INSTALLS = [command for command in COMMANDS if command.startswith("pip install ")]
RUN = [command for command in COMMANDS if command not in INSTALLS]
SNIPPETS = [block.code for block in blocks("moving.md", "python")]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return prepare(tmp_path)


def test_the_chapter_has_commands_and_code() -> None:
    assert {command.split()[1] for command in RUN} == {"check", "convert", "migrate", "replay"}
    assert (len(INSTALLS), len(SNIPPETS), len(blocks("moving.md", "sql"))) == (2, 2, 2)
    assert {KEY_VARIABLE, HOST_VARIABLE} <= set(re.findall(r"`(POSTHOG_\w+)`", CHAPTER))


@pytest.mark.parametrize("command", INSTALLS)
def test_what_it_installs_is_this_package_with_extras_that_there_are(command: str) -> None:
    assert has_only_known_extras(command)


@pytest.mark.parametrize("command", RUN)
def test_each_command_does_what_it_says(command: str, directory: Path, posthog_server: PostHogServer) -> None:
    done = run(command, directory, posthog_server)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"error|Traceback", done.stderr)
    assert KEY not in done.stdout + done.stderr
    sent = [event["event"] for event in posthog_server.events]
    if " check" in command:
        assert sent == ["analytics-posthog check"]
    elif "--dry-run" in command or " convert " in command or " migrate" in command:
        assert (sent, bool(done.stdout)) == ([], True)
        changed = "analytics_posthog" in (directory / "app.py").read_text()
        assert changed == ("--write" in command)
    else:
        assert sent == ["Bought", "$identify"]


def test_the_replay_sends_the_history_and_a_second_one_nothing_new(
    directory: Path, posthog_server: PostHogServer
) -> None:
    (command,) = (command for command in RUN if " replay " in command and "--dry-run" not in command)
    assert run(command, directory, posthog_server).returncode == 0
    assert run(command, directory, posthog_server).returncode == 0
    assert [(event["event"], event["uuid"], event["timestamp"]) for event in posthog_server.unique_events()] == [
        (event["event"], event["uuid"], event["timestamp"]) for event in map(to_posthog, ARCHIVED[:2])
    ]
    assert [batch["historical_migration"] for batch in posthog_server.batches] == [True] * len(posthog_server.batches)
    (identify,) = (event for event in posthog_server.unique_events() if event["event"] == "$identify")
    assert identify["properties"]["$set_once"] == {"plan": "pro"}
    assert not identify["properties"].get("$set")


def test_the_code_of_the_dual_run_sends_each_message_to_both(posthog_server: PostHogServer) -> None:
    (snippet,) = (snippet for snippet in SNIPPETS if "segment_write_key" in snippet)
    for shown, real in (
        ("phc_...", KEY),
        ("https://eu.i.posthog.com", posthog_server.url),
        ("https://api.segment.io", posthog_server.url),
    ):
        assert shown in snippet
        snippet = snippet.replace(shown, real)
    done = run_python(
        "-c", snippet + 'analytics.track("u1", "Bought")\nassert analytics.flush()\nanalytics.shutdown()\n'
    )
    assert (done.returncode, done.stderr) == (0, "")
    (event,) = posthog_server.wait_for(1)
    (sent,) = posthog_server.wait_for_segment(1)
    assert event["uuid"] == to_posthog(sent)["uuid"]


def test_the_code_for_others_imports_makes_segment_s_name_this_package() -> None:
    (snippet,) = (snippet for snippet in SNIPPETS if "install_as_segment" in snippet)
    check = "import segment.analytics\nassert segment.analytics.track is analytics_posthog.track\n"
    done = run_python("-c", snippet + check)
    assert (done.returncode, done.stderr) == (0, "")
