"""The command `migrate` as a person and a script use it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from analytics_posthog._cli import main

APP = """\
import segment.analytics as analytics


def ordered(user, name):
    analytics.track(user.id, f"Ordered {name}", {"size": 1})
    analytics.track("server", "Started | ok")
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def test_the_audit_as_json(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--json"]) == 0
    fixed = {
        "kind": "id-fixed",
        "what": "user_id is the same for all",
        "remedy": "Is it meant? All these events are of one person",
    }
    made = {
        "kind": "name-at-run-time",
        "what": "the event's name is made at run time: Ordered {...}",
        "remedy": "Use a few fixed names, and put what varies into a property",
    }
    both = {"file": "app.py", "column": 5, "call": "track", "ids": ["user_id"], "whole": True}
    names = {"event": "Ordered {...}", "posthog": "Ordered {...}"}, {"event": "Started | ok", "posthog": "Started | ok"}
    assert json.loads(capsys.readouterr().out) == {
        "files": 1,
        "calls": [
            {**both, **names[0], "line": 5, "properties": ["size"], "risks": [made]},
            {**both, **names[1], "line": 6, "properties": [], "risks": [fixed]},
        ],
        "places": [
            {
                "file": "app.py",
                "line": 1,
                "kind": "import",
                "what": "imports Segment's SDK: import segment.analytics as analytics",
                "remedy": "--write changes it",
                "changed": True,
            }
        ],
        "plan": [
            {"call": "track", **names[0], "properties": ["size"], "whole": True, "places": ["app.py:5"]},
            {"call": "track", **names[1], "properties": [], "whole": True, "places": ["app.py:6"]},
        ],
        "left": [],
    }


def test_the_audit_as_markdown(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# From Segment to PostHog"
    assert lines[2] == ("2 calls (2 track), 2 with a risk; 1 other place; in 1 of 1 file. --write would change 1 file.")
    assert "| app.py:6 | track | Started \\| ok | user_id | user_id is the same for all |" in lines
    assert "| track Ordered {...} | Ordered {...} | size | app.py:5 |" in lines


def test_the_audit_for_reading(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    text = capsys.readouterr().out
    assert "app.py:6  track  Started | ok" in text
    assert "Use a few fixed names" in text
    assert text.endswith("--write would change 1 file.\n")


def test_the_audit_changes_nothing(app: Path) -> None:
    for form in ([], ["--json"], ["--markdown"], ["--diff"], ["--check"]):
        main(["migrate", *form])
    assert [path.read_text() for path in app.iterdir()] == [APP]


def test_the_diff_can_be_applied(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--diff"]) == 0
    diff = capsys.readouterr().out
    subprocess.run(["git", "apply", "-"], input=diff, text=True, check=True, cwd=app)
    assert (app / "app.py").read_text() == APP.replace("segment.analytics", "analytics_posthog")


def test_the_check_lists_what_is_still_imported(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--check"]) == 1
    found = "app.py:1: imports Segment's SDK: import segment.analytics as analytics\n"
    assert capsys.readouterr().out == found
    assert main(["migrate", "--write", "--force"]) == 0
    assert capsys.readouterr().out == "changed app.py\n"
    assert main(["migrate", "--check"]) == 0


def test_a_file_s_mode_stays(app: Path) -> None:
    (app / "app.py").chmod(0o751)
    assert main(["migrate", "--write", "--force"]) == 0
    assert (app / "app.py").stat().st_mode & 0o777 == 0o751
    assert [path.name for path in app.iterdir()] == ["app.py"]


def test_a_directory_without_git_needs_force(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--write"]) == 2
    assert capsys.readouterr().err == (
        "analytics-posthog: error: . is in no git repository, so nothing could bring the old files back. "
        "Add --force if that is meant\n"
    )
    assert (app / "app.py").read_text() == APP


def test_a_file_that_cant_be_parsed_is_named_and_the_exit_code_says_so(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app / "old\x1b[2J.py").write_text("print 'x'  # analytics\n")
    assert main(["migrate", "--check"]) == 1
    assert main(["migrate", "--write", "--force"]) == 1
    error = capsys.readouterr().err
    assert "old\\u001b[2J.py is left as it is: this Python can't read it" in error
    assert "\x1b" not in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "PATH 'nowhere' is neither a file nor a directory. Name the app's own directory"),
        (["--json", "--diff"], "--json and --markdown are for the audit alone"),
        (["--force"], "--force is for --write alone"),
        (["--write", "--check"], "not allowed with argument"),
    ],
)
def test_a_wrong_command_line_says_what_to_do(
    app: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["migrate", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_without_its_extra_it_says_what_to_install(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["migrate"]) == 2
    assert capsys.readouterr().err == (
        "analytics-posthog: error: migrate needs libcst and rich: pip install 'analytics-posthog[migrate]'\n"
    )
