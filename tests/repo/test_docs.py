"""The docs say what is so: their tables come from the code, their links lead somewhere, and each page can be found."""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from analytics_posthog import Client
from analytics_posthog.convert import CONTEXT

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = "https://analytics-posthog.readthedocs.io/en/stable/"
ALL = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *PAGES]}
NO_EFFECT = {"oauth_client_key", "oauth_key_id", "oauth_auth_server", "oauth_scope"}


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> dict[Path, str]:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    pages: dict[Path, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    return pages


def test_the_tables_are_what_the_code_says(generated: dict[Path, str]) -> None:
    assert sorted(path.name for path in generated) == ["calls.md", "command-line.md", "settings.md"]
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, "run: python docs/generate.py"


def test_the_settings_without_a_text_are_those_without_an_effect() -> None:
    texts = runpy.run_path(str(DOCS / "generate.py"))["_meanings"]()
    assert {setting.name for setting in fields(Client.DefaultConfig)} - texts.keys() == NO_EFFECT


def test_the_properties_that_the_differences_name_are_those_of_the_conversion() -> None:
    names = {name for row in CONTEXT.values() for name in (row.values() if isinstance(row, dict) else [row])}
    named = re.findall(r"`(\$(?:os_version|screen_density|locale|timezone|raw_user_agent))`", ALL["differences.md"])
    assert len(named) == 5
    assert set(named) <= names


def test_each_page_is_in_the_table_of_contents() -> None:
    trees = re.findall(r"```\{toctree\}\n(.*?)```", ALL["index.md"], re.S)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == sorted(path.stem for path in PAGES if path.stem != "index")


@pytest.mark.parametrize("name", ALL)
def test_each_link_leads_to_a_file(name: str) -> None:
    folder = ROOT if name == "README.md" else DOCS
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", ALL[name])
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_readme_s_links_are_absolute_and_lead_to_pages_that_there_are() -> None:
    named = dict(re.findall(r"^\[(\w+)\]: (\S+)$", README, re.M))
    used = re.findall(r"\]\[(\w+)\]", README)
    assert set(used) == set(named)
    assert re.findall(r"\]\([^)]*\)", README) == []
    for url in named.values():
        assert url.startswith(SITE)
        place = url.removeprefix(SITE)
        file = place.removeprefix("_images/") if place.startswith("_images/") else place.replace(".html", ".md")
        assert (DOCS / file).exists(), url


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("name", ALL)
def test_each_script_that_is_named_is_there(name: str) -> None:
    assert [module for module in re.findall(r"python -m (tests[\w.]+)", ALL[name]) if find_spec(module) is None] == []


@pytest.mark.parametrize("name", ALL)
def test_no_place_is_left_to_be_filled_in(name: str) -> None:
    assert "@@" not in ALL[name]
