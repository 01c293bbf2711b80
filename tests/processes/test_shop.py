"""A code base of 80 files with 300 calls switches: the audit is complete, and its tests pass afterwards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_posthog._cli import main
from tests.migrate import shop

PROJECT = Path(__file__).parents[2]
A_CALL = re.compile(r"(?<!def )(?<!\w)(?:track|identify|page|screen|group|alias)\(")
AN_IMPORT = re.compile(r"^\s*(?:import|from) (?:segment|analytics)\b", re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code base, committed to a repository, as the current directory."""
    place = tmp_path / "shop"
    place.mkdir()
    shop.write(place)
    monkeypatch.chdir(place)
    git("init", "-q")
    commit()
    return place


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one file, as the current directory."""
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path / "app")
    (tmp_path / "app" / "a.py").write_text("import segment.analytics as analytics\n")
    git("init", "-q")
    commit()
    return tmp_path / "app"


def git(*arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout


def commit() -> None:
    git("add", "-A")
    git("commit", "-q", "-m", "x")


def python_files(place: Path) -> dict[str, str]:
    return {path.relative_to(place).as_posix(): path.read_text() for path in sorted(place.rglob("*.py"))}


def test_the_audit_has_each_call_import_and_requirement_that_grep_finds(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = {
        (file, number)
        for file, text in python_files(place).items()
        for number, line in enumerate(text.splitlines(), 1)
        if A_CALL.search(line) and not file.endswith("plain.py")
    }
    assert {(call["file"], call["line"]) for call in found["calls"]} == lines
    assert len(found["calls"]) == shop.CALLS
    assert found["files"] == shop.FILES + len(shop.REQUIREMENTS)
    assert found["left"] == []
    places = found["places"]
    imports = sum(len(AN_IMPORT.findall(text)) for text in python_files(place).values())
    assert sum(place["kind"] == "import" for place in places) == imports
    needed = sum(
        len(re.findall(r"analytics[-_]python", path.read_text()))
        for path in [*(place / name for name in shop.REQUIREMENTS), place / "setup.py"]
    )
    assert sum(place["kind"] == "requirement" for place in places) == needed
    assert all(place["changed"] for place in places if place["kind"] in ("import", "requirement", "mock", "logger"))


def test_its_tests_pass_after_the_switch_no_other_line_is_touched_and_a_second_one_changes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--check"]) == 1
    assert main(["migrate", "--write"]) == 0
    changed = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("changed")]
    assert sorted(changed) == sorted(git("diff", "--name-only").split())
    assert main(["migrate", "--check"]) == 0
    assert capsys.readouterr().out == ""
    after = git("diff")
    assert main(["migrate", "--write"]) == 0
    assert capsys.readouterr().out == "nothing is to change\n"
    assert git("diff") == after
    removed = [line[1:] for line in git("diff", "-U0").splitlines() if re.match(r"-(?!--)", line)]
    about = re.compile(r"segment|analytics|write_key|host=|SEGMENT", re.IGNORECASE)
    assert [line for line in removed if not about.search(line)] == []
    added = [line[1:] for line in git("diff", "-U0").splitlines() if re.match(r"\+(?!\+\+)", line)]
    known = re.compile(r"analytics_posthog|analytics-posthog|os\.environ\.get|^import os$|^ *# Set \$POSTHOG")
    assert [line for line in added if not known.search(line)] == []
    environment = {**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{PROJECT}", "POSTHOG_PROJECT_API_KEY": "phc_tests"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 passed" in done.stdout


def test_a_repository_with_changes_is_refused_without_force(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / "keys.py").write_text("SEGMENT = 'another'\n")
    before = python_files(small)
    assert main(["migrate", "--write"]) == 2
    assert "Commit or stash them" in capsys.readouterr().err
    assert python_files(small) == before
    assert main(["migrate", "--write", "--force"]) == 0
    assert python_files(small) != before


def test_no_file_outside_the_paths_in_an_environment_or_ignored_is_changed(small: Path) -> None:
    text = "import segment.analytics as analytics\n"
    (small / ".gitignore").write_text("ignored/\n")
    for name in ("ignored", "env/lib", ".git/hooks", "node_modules/x", "inside"):
        (small / name).mkdir(parents=True, exist_ok=True)
        (small / name / "a.py").write_text(text)
    (small / "env" / "pyvenv.cfg").write_text("")
    outside = small.parent / "outside.py"
    outside.write_text(text)
    (small / "link.py").symlink_to(outside)
    (small / "linked").symlink_to(small.parent, target_is_directory=True)
    git("add", "-f", "-A")
    git("reset", "-q", "ignored")
    git("commit", "-q", "-m", "x")
    assert main(["migrate", "--write", "inside", "env", ".", "--force"]) == 0
    untouched = [small / name / "a.py" for name in ("ignored", ".git/hooks", "node_modules/x")]
    assert [path.read_text() for path in [*untouched, outside]] == [text] * 4
    assert "analytics_posthog" in (small / "inside" / "a.py").read_text()
