"""A setting is declared in `Settings` alone; Client, the module's variables and the README's tables follow it."""

from __future__ import annotations

import ast
import re
from dataclasses import FrozenInstanceError, fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import analytics_posthog
from analytics_posthog import Client, client

DECLARED = Client.DefaultConfig
NAMES = [setting.name for setting in fields(DECLARED)]
FROM_SETTINGS = {name: f"Settings.{name}" for name in NAMES}
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def tree_of(module: Any) -> ast.Module:
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def rows_of(part: str) -> dict[str, str]:
    """The tables in a part of the README: each setting, and its default as it is shown."""
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \| .+ \|$", part, re.M)
    return {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}


SEGMENT_S, OURS = map(rows_of, README.partition("\n## Settings\n")[2].partition("\n## ")[0].split("\nOurs, "))


def test_the_client_s_parameters_have_the_names_the_order_and_the_types_of_the_settings() -> None:
    parameters = get_type_hints(Client.__init__)
    del parameters["return"]
    assert list(parameters.items()) == list(get_type_hints(DECLARED).items())


def test_the_client_takes_each_default_from_the_settings() -> None:
    classes = [node for node in tree_of(client).body if isinstance(node, ast.ClassDef) and node.name == "Client"]
    (init,) = [node for node in classes[0].body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    parameters = [*init.args.args[1:], *init.args.kwonlyargs]
    defaults = [*init.args.defaults, *filter(None, init.args.kw_defaults)]
    assert {
        parameter.arg: ast.unparse(default) for parameter, default in zip(parameters, defaults, strict=True)
    } == FROM_SETTINGS


def test_the_module_takes_each_variable_from_the_settings() -> None:
    assigned = {
        target.id: ast.unparse(node.value)
        for node in tree_of(analytics_posthog).body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert {name: value for name, value in assigned.items() if name in NAMES or "Settings." in value} == FROM_SETTINGS


def test_the_settings_of_a_client_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DECLARED(write_key="").send = False  # type: ignore[misc]


def test_the_readme_lists_each_setting_in_the_order_of_segment_s_parameters_and_ours_apart() -> None:
    by_name_only = [name for name, one in signature(Client).parameters.items() if one.kind is Parameter.KEYWORD_ONLY]
    assert list(OURS) == by_name_only
    assert sorted(SEGMENT_S) == sorted(set(NAMES) - set(by_name_only))
    assert [name for name in SEGMENT_S if not name.startswith("oauth_")] == [
        name for name in NAMES if name in SEGMENT_S and not name.startswith("oauth_")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_the_default_of(name: str) -> None:
    shown = {**SEGMENT_S, **OURS}[name]
    assert shown == ("Segment's" if name.startswith("oauth_") else repr(getattr(DECLARED, name)).replace("'", '"'))
