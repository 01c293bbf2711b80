"""What CONTRIBUTING.md says of the package is true."""

from __future__ import annotations

import ast
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

import analytics_posthog
from analytics_posthog import Client
from tests.support.posthog_server import PostHogServer

PACKAGE = Path(analytics_posthog.__file__).parent
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILE = r"`([\w./-]+(?:\.py|\.md|/)|\.ci/[\w-]+)`"


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def names_in(node: ast.AST, above: str = "") -> Iterator[str]:
    """What a module or class defines, as `Class.method`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
            yield above + child.name
            if isinstance(child, ast.ClassDef):
                yield from names_in(child, f"{above}{child.name}.")
        elif isinstance(child, ast.AnnAssign):
            yield above + ast.unparse(child.target)


WHERE = re.findall(r"^\| (.+?) \| `(.+?)` \| `(.+?)` \|$", section("Where is ...?"), re.MULTILINE)


@pytest.mark.parametrize(("what", "file", "name"), WHERE, ids=[what for what, _, _ in WHERE])
def test_the_table_names_a_file_that_has(what: str, file: str, name: str) -> None:
    assert name in set(names_in(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))))


@pytest.mark.parametrize("place", sorted(set(re.findall(FILE, TEXT))))
def test_each_file_that_it_names_is_there(place: str) -> None:
    assert any((folder / place).exists() for folder in (ROOT, PACKAGE))


def test_the_table_of_the_house_has_each_name_of_the_picture() -> None:
    house = section("The house")
    picture = re.search(r"```text\n(.*?)```", house, re.DOTALL)
    assert picture
    cells = re.findall(r"^\| (`.+?) \| ", house, re.MULTILINE)
    names = [name.removesuffix(".py") for cell in cells for name in re.findall(r"`(.+?)`", cell)]
    assert sorted(names) == sorted(picture[1].split())


def test_track_touches_the_files_that_its_way_names(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(PACKAGE)):
            touched.add(os.path.relpath(file, PACKAGE).replace(os.sep, "/"))

    threading.setprofile(note)  # of threads that start from now on
    try:
        client = Client("phc_key", posthog_server.url)
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
    monkeypatch.setattr(analytics_posthog, "default_client", client)
    touched.clear()
    sys.setprofile(note)
    try:
        analytics_posthog.track("u1", "Bought", {"price": 5})
    finally:
        sys.setprofile(None)
    posthog_server.wait_for(1)
    client.shutdown()
    way = set(re.findall(r"`([\w/]+\.py)`", section("The way of `track()`")))
    elsewhere = {"_outbox/outbox.py", "_segment/dual.py", "_delivery/official.py"}
    elsewhere |= {"_message/kinds.py", "_message/request.py"}
    assert touched - {"_delivery/clock.py", "_interrupts.py"} == way - elsewhere
