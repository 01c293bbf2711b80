"""Looks through one file: yields its calls of Segment's SDK, and all other places that have to do with it."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from . import imports, settings, strings
from .calls import CallSite, call_of, call_site
from .names import CLIENT, INSTANCE, SEGMENT, Names, Project
from .risks import Risk
from .sites import Edit, Site
from .source import Source, dotted
from .values import UNKNOWN, constants_of


class Found:
    """What a file has: its calls, its other places, and the edits that belong to no place of their own."""

    def __init__(self) -> None:
        self.calls: list[CallSite] = []
        self.sites: list[Site] = []
        self.edits: list[Edit] = []

    def all_edits(self) -> list[Edit]:
        """Return all edits of the file, first those of its places."""
        return [*(edit for site in self.sites for edit in site.edits), *self.edits]


class Constants:
    """The constants of all files, by the names that a file uses."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known = {source.path: constants_of(ast.parse(source.text)) for source in project.sources}

    def of(self, source: Source, name: str) -> Any:
        """Return the value of a constant that a file names, or UNKNOWN."""
        found = self._known[source.path].get(name)
        if found is not None:
            return found
        return next(
            (
                self._known[other.path][rest]
                for other, rest in self._project.imported(source, name)
                if rest in self._known[other.path]
            ),
            UNKNOWN,
        )


def scan(names: Names, constants: Constants) -> Found:
    """Return what a file has."""
    visitor = _Visitor(names, constants)
    names.source.tree.visit(visitor)
    visitor.finish()
    return visitor.found


class _Visitor(cst.CSTVisitor):
    def __init__(self, names: Names, constants: Constants) -> None:
        self.found = Found()
        self._names = names
        self._constants = constants
        self._line: cst.SimpleStatementLine | None = None
        self._assigned: list[tuple[cst.Assign, cst.SimpleStatementLine | None]] = []
        self._called: set[int] = set()  # ids of the functions of calls

    def _add(self, node: cst.CSTNode, kind: str, **words: str) -> None:
        self.found.sites.append(Site.at(self._names.source, node, Risk.of(kind, **words)))

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        self._line = node

    def leave_SimpleStatementLine(self, original_node: cst.SimpleStatementLine) -> None:
        self._line = None

    def visit_Import(self, node: cst.Import) -> bool:
        self.found.sites += imports.sites_of_import(node, self._names)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        self.found.sites += imports.sites_of_import_from(node, self._names)
        return False

    def visit_Assign(self, node: cst.Assign) -> None:
        self._assigned.append((node, self._line))

    def visit_Call(self, node: cst.Call) -> None:
        found = self._names.of(node.func)
        self._called.add(id(node.func))
        call = call_of(found)
        if call is not None:
            source = self._names.source
            self.found.calls.append(call_site(node, call, self._names, lambda name: self._constants.of(source, name)))
        elif found in CLIENT:
            self.found.sites += settings.sites_of_client(node, self._line, self._names)
        elif dotted(node.func) == "getattr" and node.args and self._names.of(node.args[0].value) in ("", INSTANCE):
            self._add(node, "dynamic")
        self.found.sites += strings.sites_of_call(node, self._names)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        edit = imports.edit_of_use(node, self._names)
        if edit is not None:
            self.found.edits.append(edit)
        found = self._names.of(node)
        if found in imports.WITH_CARE:
            self._add(node, "submodule", name=f"{SEGMENT}.{found}")
        self._passed_on(node)

    def visit_Arg(self, node: cst.Arg) -> None:
        if isinstance(node.value, cst.Name):
            self._passed_on(node.value)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        if any(self._names.of(base.value) in CLIENT for base in node.bases):
            self._add(node, "subclass")

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> None:
        types = node.type.elements if isinstance(node.type, cst.Tuple) else ()
        caught = [each.value for each in types] if types else [node.type] if node.type is not None else []
        if any((self._names.of(each) or "").rpartition(".")[2] == "APIError" for each in caught):
            self._add(node, "api-error")

    def visit_Subscript(self, node: cst.Subscript) -> None:
        self.found.sites += strings.sites_of_subscript(node, self._names)

    def visit_Dict(self, node: cst.Dict) -> None:
        self.found.sites += strings.sites_of_dict(node, self._names)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        self.found.sites += strings.sites_of_text(node, self._names)

    def finish(self) -> None:
        """Look at the assignments, now that all of them are known."""
        has_host = any(settings.sets("host", node, self._names) for node, _ in self._assigned)
        for node, line in self._assigned:
            self.found.sites += settings.sites_of_assignment(node, line, self._names, has_host=has_host)
        self.found.sites.sort(key=lambda site: site.line)

    def _passed_on(self, node: cst.Name | cst.Attribute) -> None:
        if id(node) not in self._called and call_of(self._names.of(node)) is not None:
            self._add(node, "reference", name=dotted(node))
