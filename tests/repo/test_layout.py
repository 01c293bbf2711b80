"""The package follows the picture in CONTRIBUTING.md; files and functions are small; public things have docstrings."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import analytics_posthog
from tests.support.child_process import run_python

PACKAGE = Path(analytics_posthog.__file__).parent
TESTS = Path(__file__).parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*FILES, *sorted(TESTS.rglob("*.py")), *sorted(TESTS.parent.glob("examples/**/*.py"))]

# Which files and wings import what isn't Python's own, beside the package's own dependencies.
ERRORS_TOO = ("requests", "errors")  # an error without an answer is one of requests' own, too
EXTRAS = {
    "argcomplete": {"_cli/main"},
    "asgiref": {"integrations/django/middleware"},
    "django": {
        "integrations/django/apps",
        "integrations/django/configuration",
        "integrations/django/management/commands/analytics_check",
        "integrations/django/middleware",
    },
    "fsspec": {"replay/archive"},
    "libcst": {
        "_migrate/calls",
        "_migrate/imports",
        "_migrate/names",
        "_migrate/scan",
        "_migrate/settings",
        "_migrate/sites",
        "_migrate/source",
        "_migrate/strings",
    },
    "pytest": {"pytest_plugin"},
    "rich": {"_cli/migrate_report", "_cli/progress", "_cli/side_by_side"},
    "rq": {"integrations/rq"},
    "starlette": {"_inspector/app", "_inspector/guard"},
    "uvicorn": {"_inspector/server"},
}
WINGS_OF = {"posthog": "_delivery", "requests": "_delivery", "urllib3": "_delivery", "segment": "_segment"}

MAX_LINES = 300
MAX_LINE = 120
MAX_FUNCTION = 40
LONGER = {
    "plain._clean_in_place": "runs for each value of each call; a call more there costs more than the rest",
}


def read_picture() -> list[list[str]]:
    """The lines of the picture of the house in CONTRIBUTING.md, from the top down."""
    text = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"^## The house\n.*?^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    return [line.split() for line in found[1].splitlines()]


HOUSE = read_picture()
FLOORS = {name: len(HOUSE) - number for number, line in enumerate(HOUSE) for name in line}


def place(file: Path) -> str:
    """A file's path in the package, without its suffix."""
    return file.relative_to(PACKAGE).with_suffix("").as_posix()


def wing(file: Path) -> str:
    """The name of a file's wing, or of a single file, in the picture."""
    return place(file).partition("/")[0]


def imports(file: Path) -> Iterator[tuple[int, str, list[str]]]:
    """The level, module and names of each import; what only a type checker sees is left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    conditions = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    typed = [part for node in conditions if ast.unparse(node.test) == "TYPE_CHECKING" for part in node.body]
    for_types = {id(node) for part in typed for node in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]


def given_by(init: Path) -> set[str]:
    """The names that an `__init__.py` imports for others; `main` may be a function and a file in its wing."""
    return {name for _, module, names in imports(init) if module for name in names}


def our_imports(file: Path) -> Iterator[str]:
    """The path in the package of each module that a file imports from it: `_message`, or `_message/values`."""
    for level, module, names in imports(file):
        if level:
            folder = file.relative_to(PACKAGE).parents[level - 1].parts
        elif module.partition(".")[0] == PACKAGE.name:
            folder, module = (), module.partition(".")[2]
        else:
            continue
        path = [*folder, *filter(None, module.split("."))]
        for name in names or [""]:
            inside = PACKAGE.joinpath(*path, name) if name else PACKAGE.joinpath(*path)
            is_file = name and (inside.is_dir() or inside.with_suffix(".py").exists())
            is_module = is_file and name not in given_by(PACKAGE.joinpath(*path, "__init__.py"))
            yield "/".join([*path, name] if is_module else path) or "__init__"


def other_imports(file: Path) -> set[str]:
    """The packages that a file imports and that are neither Python's own nor this one."""
    modules = {module.partition(".")[0] for level, module, _ in imports(file) if not level}
    return modules - sys.stdlib_module_names - {PACKAGE.name}


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


def test_the_picture_shows_every_wing_and_file_of_the_package() -> None:
    assert sorted(name for line in HOUSE for name in line) == sorted({wing(file) for file in FILES})


@pytest.mark.parametrize("file", FILES, ids=place)
def test_a_file_imports_only_its_own_wing_and_lower_lines(file: Path) -> None:
    others = {path.partition("/")[0] for path in our_imports(file)} - {wing(file)}
    assert sorted(name for name in others if FLOORS[name] >= FLOORS[wing(file)]) == []


@pytest.mark.parametrize("file", FILES, ids=place)
def test_another_wing_is_entered_by_its_init_alone(file: Path) -> None:
    inner = [path for path in our_imports(file) if "/" in path and path.partition("/")[0] != wing(file)]
    assert inner == []


@pytest.mark.parametrize("name", FLOORS)
def test_the_files_of_a_wing_import_each_other_in_no_circle(name: str) -> None:
    files = {place(file).removesuffix("/__init__"): file for file in FILES if wing(file) == name}
    graph = {path: {other for other in our_imports(file) if other in files} for path, file in files.items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("file", FILES, ids=place)
def test_only_named_files_and_wings_import_what_is_not_python_s_own(file: Path) -> None:
    wrong = [
        package
        for package in other_imports(file)
        if (package, place(file)) != ERRORS_TOO
        and WINGS_OF.get(package) != wing(file)
        and place(file) not in EXTRAS.get(package, ())
    ]
    assert sorted(wrong) == []


def test_each_named_file_imports_its_extra() -> None:
    found = {extra: {place(file) for file in FILES if extra in other_imports(file)} for extra in EXTRAS}
    assert found == EXTRAS


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_file_has_at_most_300_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_line_has_at_most_120_characters(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE] == []


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


SEGMENT_S = ("oauth_manager", "utils")  # names of Segment's submodules, for code that imports them


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_file_s_name_says_what_is_in_it(file: Path) -> None:
    assert file.stem in SEGMENT_S or not re.search(r"util|helper|common|base|misc|manager", file.stem)


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
assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)
assert logging.getLogger().handlers == []
assert analytics_posthog.default_client is None
"""
