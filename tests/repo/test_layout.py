"""The house is cut as it was drawn: imports go one way, files and functions stay small, and all that is public is explained."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import analytics_posthog
from tests.support.child_process import run_python

PACKAGE = Path(analytics_posthog.__file__).parent
TESTS = Path(__file__).parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*FILES, *sorted(TESTS.rglob("*.py")), *sorted(TESTS.parent.glob("examples/**/*.py"))]

# In the order of reading. A file imports only what stands above it.
ORDER = [
    "version",
    "errors",
    "_report",
    "_plain",
    "_values",
    "_message",
    "convert",
    "_archive",
    "_archive_lines",
    "_upload",
    "_exits",
    "_ledger",
    "_session",
    "_batch",
    "_events",
    "_delivery",
    "_outbox_file",
    "_outbox_directory",
    "_outbox",
    "_segment",
    "_install",
    "_settings",
    "_calls",
    "_debug_line",
    "client",
    "__init__",
    "_replay_summary",
    "_replay_line",
    "_replay_rejects",
    "_replay_reader",
    "_replay_sender",
    "_replay_state",
    "_replay",
    "replay",
    "_replay_progress",
    # For apps' tests.
    "_capturing",
    "_difference",
    "testing",
    "pytest_plugin",
    # The inspector.
    "_inspector/__init__",
    "_inspector/capture",
    "_inspector/reverse",
    "_inspector/explain",
    "_inspector/store",
    "_inspector/plain",
    "_inspector/forward",
    "_inspector/guard",
    "_inspector/stream",
    "_inspector/terminal",
    "_inspector/app",
    "_inspector/server",
    # The command line, which nobody imports.
    "_cli_settings",
    "_cli_side_by_side",
    "_cli_convert",
    "_cli_replay",
    "_check_steps",
    "_cli_check",
    "_cli_inspect",
    "_cli",
    "__main__",
]
# Who imports what isn't Python's own. All else needs an extra, or belongs to an app.
THIRD_PARTY = {
    "_archive": {"fsspec"},
    "_batch": {"posthog", "requests"},
    "_check_steps": {"posthog", "requests"},
    "_cli_side_by_side": {"rich"},
    "_delivery": {"posthog"},
    "_inspector/app": {"starlette"},
    "_inspector/forward": {"requests"},
    "_inspector/guard": {"starlette"},
    "_inspector/server": {"uvicorn"},
    "_replay_progress": {"rich"},
    "_replay_sender": {"posthog"},
    "_session": {"requests"},
    "pytest_plugin": {"pytest"},
}

MAX_LINES = 300
MAX_FUNCTION = 40
LONGER = {
    "client.Client.__init__": "hands each of Segment's and our parameters on by its name; split, each would be written once more",
}


def place(file: Path) -> str:
    """A file's name in ORDER."""
    return file.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports, and whether each is one of the package. What only a type checker sees is left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    conditions = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    for_types = {id(part) for node in conditions if ast.unparse(node.test) == "TYPE_CHECKING" for part in node.body}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            folder = file.relative_to(PACKAGE).parents[node.level - 1].as_posix().removeprefix(".")
            yield from (
                (f"{folder}/{node.module or alias.name}".removeprefix("/").replace(".", "/"), True)
                for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", False


def functions(node: ast.AST, path: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function below a node, with its path."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{path}.{child.name}", child
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from functions(child, f"{path}.{child.name}")
        else:
            yield from functions(child, path)


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_every_file_stands_in_the_order_of_reading() -> None:
    assert [place(file) for file in FILES if place(file) not in ORDER] == []
    assert [name for name in ORDER if not (PACKAGE / f"{name}.py").exists()] == []


@pytest.mark.parametrize("file", FILES, ids=place)
def test_a_file_imports_only_what_stands_above_it(file: Path) -> None:
    ours = {module for module, is_ours in imports(file) if is_ours}
    assert sorted(ours - set(ORDER[: ORDER.index(place(file))])) == []


@pytest.mark.parametrize("file", FILES, ids=place)
def test_only_the_edge_imports_what_is_not_python_s_own(file: Path) -> None:
    strangers = {module.partition(".")[0] for module, is_ours in imports(file) if not is_ours} - sys.stdlib_module_names
    assert strangers == THIRD_PARTY.get(place(file), set())


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_file_has_at_most_300_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_a_function_has_at_most_40_lines() -> None:
    lengths = {
        path: body_length(function)
        for file in FILES
        for path, function in functions(ast.parse(file.read_text(encoding="utf-8")), file.stem)
    }  # fmt: skip
    assert len(lengths) > 50
    assert {path: length for path, length in lengths.items() if length > MAX_FUNCTION}.keys() == LONGER.keys()


def undocumented(node: ast.AST, path: str) -> Iterator[str]:
    """What is public in a module or class and has no docstring; what begins with an underscore promises nothing."""
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    if not ast.get_docstring(node):
        yield path
    if isinstance(node, (ast.Module, ast.ClassDef)):
        for child in node.body:
            if not getattr(child, "name", "_").startswith("_"):
                yield from undocumented(child, f"{path}.{getattr(child, 'name', '')}")


@pytest.mark.parametrize("file", FILES, ids=place)
def test_all_that_is_public_has_a_docstring(file: Path) -> None:
    assert list(undocumented(ast.parse(file.read_text(encoding="utf-8")), file.stem)) == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_file_s_name_says_what_is_in_it(file: Path) -> None:
    assert not re.search(r"util|helper|common|base|misc|manager", file.stem)


def test_the_package_says_that_it_has_types() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_it_is_imported_without_a_warning_a_thread_or_an_extra() -> None:
    """Nor is a handler or a level put on a logger, or a signal handled."""
    done = run_python("-W", "error", "-c", IMPORT)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


IMPORT = """
import logging, signal, sys, threading

signals = [signal.getsignal(number) for number in signal.valid_signals()]
import posthog, requests
before = set(sys.modules)
import analytics_posthog

names = {name.partition(".")[0] for name in set(sys.modules) - before}
assert names <= {"analytics_posthog", *sys.stdlib_module_names}, names
assert not any(name == "segment" or name.startswith("segment.") for name in sys.modules)
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
assert [signal.getsignal(number) for number in signal.valid_signals()] == signals
logger = logging.getLogger("analytics_posthog")
assert (logger.handlers, logger.level, logger.propagate, logging.getLogger().handlers) == ([], logging.NOTSET, True, [])
assert analytics_posthog.default_client is None
"""
