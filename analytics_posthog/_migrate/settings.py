"""The settings that an app gives to Segment's SDK: `analytics.write_key = ...` and the arguments of `Client`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

import libcst as cst
import libcst.matchers as m
from libcst.metadata import QualifiedName

from .._settings import HOST_VARIABLE, KEY_VARIABLE, Settings
from .names import INSTANCE, Names
from .risks import Risk
from .sites import Edit, Site, replaced
from .source import dotted, text_of

_VARIABLES: Final = {"write_key": KEY_VARIABLE, "host": HOST_VARIABLE}
_LEFT: Final = {"write_key": "write-key-left", "host": "host-left"}
_WHAT: Final = {
    "write_key": f"Set ${KEY_VARIABLE} to PostHog's project API key (phc_...).",
    "host": f"Set ${HOST_VARIABLE} to PostHog's address, such as https://eu.i.posthog.com.",
}
_NAMES: Final = frozenset(each.name for each in fields(Settings))
_NOT_SETTINGS: Final = ("default_client",)
_FIRST: Final = ("write_key", "host")  # Client's first parameters
_TEST: Final = re.compile(r"(^|[/\\])(tests?[/\\]|test_[^/\\]*$|conftest\.py$)|_test\.py$")


def sets(name: str, node: cst.Assign, names: Names) -> bool:
    """Whether a statement assigns to a setting of Segment's."""
    targets = [each.target for each in node.targets]
    found = [each for each in targets if isinstance(each, cst.Attribute) and names.of(each.value) in ("", INSTANCE)]
    return any(each.attr.value == name for each in found)


def sites_of_assignment(
    node: cst.Assign, line: cst.SimpleStatementLine | None, names: Names, *, has_host: bool
) -> Iterator[Site]:
    """Yield the sites of `analytics.write_key = ...` and of other settings; `line` is the statement's own line.

    `has_host`: the file assigns the host too. Else it is set beside the write key. Without it the events of a project
    in PostHog's EU cloud would go to the US one. That answers 200 and drops them.
    """
    for each in node.targets:
        target = each.target
        if isinstance(target, cst.Attribute) and names.of(target.value) in ("", INSTANCE):
            name = target.attr.value
            yield from _of_value(name, node.value, node, names)
            if name in _VARIABLES:
                where = names.source.code(target.value)
                host = "" if has_host or name == "host" else f"{where}.host = {_read(HOST_VARIABLE)}"
                yield _of_address(name, node.value, line, names, (f"{where}.{name} = ", "", host))


def sites_of_client(node: cst.Call, line: cst.SimpleStatementLine | None, names: Names) -> Iterator[Site]:
    """Yield the sites of `Client(...)`, or of a class of the app's own that is a Client."""
    yield Site.at(names.source, node, Risk.of("client"))
    free = iter(_FIRST)
    given = [each.keyword.value if each.keyword is not None else "" for each in node.args]
    has_host = "host" in given or (len(given) > 1 and not given[1]) or any(each.star for each in node.args)
    host = "" if has_host else f", host={_read(HOST_VARIABLE)}"
    for argument in node.args:
        if argument.star:
            continue
        name = argument.keyword.value if argument.keyword is not None else next(free, "")
        if name:
            yield from _of_value(name, argument.value, argument, names)
        if name in _VARIABLES:
            more = host if name == "write_key" else ""
            yield _of_address(name, argument.value, line, names, (f"{name}=", more, ""))


def _of_value(name: str, value: cst.BaseExpression, node: cst.CSTNode, names: Names) -> Iterator[Site]:
    if name == "sync_mode" and not (isinstance(value, cst.Name) and value.value == "False"):
        yield Site.at(names.source, node, Risk.of("sync-mode"))
    elif name.startswith("oauth_"):
        yield Site.at(names.source, node, Risk.of("oauth", name=name))
    elif name not in _NAMES and name not in _NOT_SETTINGS and not name.startswith("_"):
        yield Site.at(names.source, node, Risk.of("unknown-setting", name=name))


def _of_address(
    name: str,
    value: cst.BaseExpression,
    line: cst.SimpleStatementLine | None,
    names: Names,
    around: tuple[str, str, str],
) -> Site:
    """Return the site of a write key or a host, with the edits that take it from the environment.

    `around` is what stands before the value, what comes behind the new one, and a line of its own below.
    """
    source = names.source
    before, more, more_line = around
    code = " ".join(source.code(value).split())
    why = _why_left(value, line, names)
    if why is not None:
        kind = "setting-of-test" if _TEST.search(str(source.path)) else _LEFT[name]
        return Site.at(source, value, Risk.of(kind, code=f"{before}{_hidden(value, code)}", why=why))
    assert line is not None
    start = source.line_start(line)
    indent = source.text[start : source.span(line)[0]]
    comment = f"{indent}# {_WHAT[name]} Before: {before}{code}{_newline(names)}"
    edits = [
        Edit(start, start, comment),
        replaced(source, value, f"{_read(_VARIABLES[name])}{more}"),
        *_import_of_os(names),
    ]
    if more_line:
        end = source.line_end(line)
        edits.append(Edit(end, end, f"{_newline(names)}{indent}{more_line}"))
    return Site.at(source, value, Risk.of("write-key" if name == "write_key" else "host"), edits)


def _why_left(value: cst.BaseExpression, line: cst.SimpleStatementLine | None, names: Names) -> str | None:
    """Return why a setting's value stays as it is; None: it is changed."""
    code = names.source.code(value)
    if "POSTHOG" in code.upper():
        return "it names PostHog already"
    if text_of(value) == "" or code == "None":
        return "nothing is sent with it"
    if _TEST.search(str(names.source.path)):
        return "a test keeps its own"
    if line is None or len(line.body) != 1:
        return "the statement isn't on a line of its own"
    if any(_is_variable(name, names) for name in m.findall(value, m.Name()) if isinstance(name, cst.Name)):
        return "it comes from a variable"
    if any(each.name != "os" for each in _bound("os", names)):
        return "`os` is something else here"
    return None


def _is_variable(name: cst.Name, names: Names) -> bool:
    """Whether a name stands for what a function gets or makes, not for a module or one of its constants."""
    return name.value in ("self", "cls") or any("<locals>" in each for each in names.source.names(name))


def _read(variable: str) -> str:
    return f'os.environ.get("{variable}")'


def _hidden(value: cst.BaseExpression, code: str) -> str:
    return "(a text)" if text_of(value) else code


def _newline(names: Names) -> str:
    """Return the line break of a file. A lone CR within a line, as in an old text, isn't the file's own."""
    found = names.source.tree.default_newline
    return "\n" if found == "\r" and "\n" in names.source.text else found


def _import_of_os(names: Names) -> Iterator[Edit]:
    """Yield the edit that imports `os` where a file doesn't."""
    if _bound("os", names):
        return
    source, newline = names.source, _newline(names)
    last = None
    for statement in source.tree.body:
        if isinstance(statement, cst.SimpleStatementLine) and _comes_before_os(statement.body[0]):
            last = statement if isinstance(statement.body[0], cst.Import) else None
            continue
        if last is not None:
            end = source.line_end(last)
            yield Edit(end, end, f"{newline}import os")
            return
        decorators = getattr(statement, "decorators", ())
        start = source.line_start(decorators[0] if decorators else statement)
        yield Edit(start, start, f"import os{newline}")
        return


def _comes_before_os(statement: cst.BaseSmallStatement) -> bool:
    """Whether a statement at the top of a file stands before `import os`."""
    if isinstance(statement, cst.Expr):
        return text_of(statement.value) is not None
    if isinstance(statement, cst.ImportFrom):
        return dotted(statement.module) == "__future__"
    return isinstance(statement, cst.Import) and dotted(statement.names[0].name) < "os"


def _bound(name: str, names: Names) -> list[QualifiedName]:
    """Return what a name stands for at the top of a file; nothing if it isn't bound there."""
    scope = names.source.scopes.get(names.source.tree)
    return list(scope.get_qualified_names_for(name)) if scope is not None and name in scope else []
