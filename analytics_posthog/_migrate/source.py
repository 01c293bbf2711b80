"""A parsed Python file: its text by position, and what its names stand for. LibCST parses; nothing is run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider, QualifiedNameSource, ScopeProvider

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_DEEPEST: Final = 200  # levels of syntax; LibCST's parser ends the process at some thousands


class CantParse(Exception):
    """A file can't be parsed. The text says why."""


class Source:
    """A file's text and tree. Raises CantParse."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        try:
            if _depth(ast.parse(data)) > _DEEPEST:
                raise CantParse("it is nested too deep")
            wrapper = MetadataWrapper(cst.parse_module(data), unsafe_skip_copy=True)
            self.tree = wrapper.module
            self.scopes = wrapper.resolve(ScopeProvider)
            self._positions = wrapper.resolve(PositionProvider)
        except SyntaxError as error:
            raise CantParse(f"this Python can't read it: {error.msg}, line {error.lineno}") from error
        except CantParse:
            raise
        except Exception as error:  # LibCST has errors of many kinds, and a limit of depth of its own
            raise CantParse(f"it can't be parsed ({type(error).__name__})") from error
        self.encoding = self.tree.encoding
        self.bom = data[:3] == b"\xef\xbb\xbf"
        self.text = data.decode(self.encoding).removeprefix("\ufeff")
        if self.tree.code != self.text:  # its positions would be wrong
            raise CantParse("LibCST would not keep its form, such as a line with a backslash alone")
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return where a node's text begins and ends in `text`."""
        place = self._positions[node]
        return self._starts[place.start.line - 1] + place.start.column, self._starts[
            place.end.line - 1
        ] + place.end.column

    def code(self, node: cst.CSTNode) -> str:
        """Return a node's text, as it is in the file."""
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, node: cst.CSTNode) -> int:
        """Return the number of the line where a node begins; the first is 1."""
        return int(self._positions[node].start.line)

    def line_start(self, node: cst.CSTNode) -> int:
        """Return where the line of a node begins in `text`."""
        return self._starts[self.line(node) - 1]

    def line_end(self, node: cst.CSTNode) -> int:
        """Return where the last line of a node ends in `text`, before its line break."""
        last = int(self._positions[node].end.line)
        if last >= len(self._starts):
            return len(self.text)
        return len(self.text[: self._starts[last]].rstrip("\r\n"))

    def encoded(self, text: str) -> bytes:
        """Return a text as the file's bytes."""
        return (b"\xef\xbb\xbf" if self.bom else b"") + text.encode(self.encoding.replace("-sig", ""))

    def names(self, node: cst.CSTNode) -> dict[str, bool]:
        """Return the full names that an expression may stand for, and for each whether it is imported."""
        scope = self.scopes.get(node)
        if scope is None or not isinstance(node, (cst.Name, cst.Attribute)):
            return {}
        try:
            found = scope.get_qualified_names_for(node)
        except Exception:  # a name that LibCST can't follow stands for nothing that is known
            return {}
        imported = {each.name for each in found if each.source is QualifiedNameSource.IMPORT}
        return {each.name: each.name in imported for each in found}  # `a` may be both: import a, or else a = None


def dotted(node: cst.BaseExpression | None) -> str:
    """Return `a.b.c` for such an expression, else ""."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr.value}" if before else ""
    return ""


def text_of(node: cst.CSTNode | None) -> str | None:
    """Return the value of a plain string in the code, else None."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        try:
            value = node.evaluated_value
        except Exception:
            return None
        return value if isinstance(value, str) else None
    return None


def _depth(tree: ast.AST) -> int:
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return deepest
