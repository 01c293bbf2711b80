"""A setting is declared in `Settings` alone; Client and the module's variables follow it."""

from __future__ import annotations

import ast
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import analytics_posthog
from analytics_posthog import Client, client

DECLARED = Client.DefaultConfig
NAMES = [setting.name for setting in fields(DECLARED)]
FROM_SETTINGS = {name: f"Settings.{name}" for name in NAMES}


def tree_of(module: Any) -> ast.Module:
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


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
