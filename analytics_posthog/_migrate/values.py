"""What can be known of an argument from the code alone: a value, a pattern of a text, or nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

UNKNOWN: Final[Any] = object()
_MADE: Final = "{...}"  # a part of a text that is made at run time
_NO_JSON: Final = frozenset("map filter zip iter enumerate object open compile".split())
_BLANK: Final = (None, "")

Constants = Callable[[str], Any]  # the value of a constant by its name, or UNKNOWN


class Known(NamedTuple):
    """An argument: its code, and its value or UNKNOWN. `pattern` is a text's known parts, such as "Viewed {...}"."""

    code: str
    tree: ast.expr | None
    value: Any
    pattern: str | None = None


def known(code: str, constants: Constants) -> Known:
    """Return what is known of an expression."""
    try:
        tree = ast.parse(f"({code}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Known(code, None, UNKNOWN)
    value = _value(tree, constants)
    pattern = value if isinstance(value, str) else _pattern(tree, constants)
    return Known(" ".join(code.split()), tree, value, pattern)


def dict_items(tree: ast.expr | None) -> tuple[dict[str, ast.expr], bool]:
    """Return a dict's items by their text keys, and whether these are all: `{...}` or `dict(...)` in the code."""
    if isinstance(tree, ast.Dict):
        items = {}
        whole = True
        for key, value in zip(tree.keys, tree.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                items[key.value] = value
            elif key is None and isinstance(value, (ast.Dict, ast.Call)):
                inner, all_known = dict_items(value)
                items.update(inner)
                whole = whole and all_known
            else:
                whole = False
        return items, whole
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "dict" and not tree.args:
        return {each.arg: each.value for each in tree.keywords if each.arg}, all(each.arg for each in tree.keywords)
    return {}, tree is None or (isinstance(tree, ast.Constant) and tree.value is None)


def left_out(tree: ast.expr) -> str | None:
    """Return the kind of a value that JSON has no place for; None if it has one, or if that can't be known."""
    if isinstance(tree, ast.Lambda):
        return "function"
    if isinstance(tree, ast.GeneratorExp):
        return "generator"
    if isinstance(tree, ast.Constant) and isinstance(tree.value, complex):
        return "complex number"
    if isinstance(tree, ast.Constant) and tree.value is Ellipsis:
        return "ellipsis"
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in _NO_JSON:
        return tree.func.id
    return None


def may_be_blank(tree: ast.expr | None, constants: Constants) -> bool:
    """Whether the code itself has None or "" for a case: `x or ""`, `x if y else None`, `.get(key, "")`."""
    if tree is None:
        return False
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        return may_be_blank(tree.values[-1], constants) or _is_blank(tree.values[-1], constants)
    if isinstance(tree, ast.IfExp):
        return any(may_be_blank(each, constants) or _is_blank(each, constants) for each in (tree.body, tree.orelse))
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr in ("get", "getenv"):
        return len(tree.args) == 1 or _is_blank(tree.args[1], constants)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "getattr":
        return len(tree.args) == 3 and _is_blank(tree.args[2], constants)
    return False


def is_text_of_visitor(tree: ast.expr | None) -> bool:
    """Whether the code is `str(request.user.id)` or the like, which is "None" for who isn't signed in."""
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "str" and tree.args):
        return False
    names = [each.attr for each in ast.walk(tree.args[0]) if isinstance(each, ast.Attribute)]
    return len(names) >= 2 and names[0] in ("id", "pk") and names[1] == "user"


def least_bytes(tree: ast.expr | None) -> int:
    """Return how many bytes the texts in the code have, at least."""
    if tree is None:
        return 0
    total = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            total += len(node.value.encode("utf-8", "replace"))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            total += max(_repeated(node.left, node.right), _repeated(node.right, node.left))
    return total


def constants_of(tree: ast.Module) -> dict[str, Any]:
    """Return a file's constants: `NAME = "text"` at the top, and `Class.NAME` in a class, if set once."""
    found: dict[str, Any] = {}
    for name, value in _assignments(tree.body, ""):
        found[name] = UNKNOWN if name in found else value
    return found


def _assignments(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Any]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not prefix:
            yield from _assignments(node.body, f"{node.name}.")
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                value = None if isinstance(node, ast.AugAssign) else getattr(node, "value", None)
                yield f"{prefix}{target.id}", value.value if isinstance(value, ast.Constant) else UNKNOWN


def _repeated(text: ast.expr, times: ast.expr) -> int:
    is_text = isinstance(text, ast.Constant) and isinstance(text.value, str)
    if is_text and isinstance(times, ast.Constant) and isinstance(times.value, int):
        return len(text.value) * times.value  # type: ignore[attr-defined]
    return 0


def _value(tree: ast.expr, constants: Constants) -> Any:
    if isinstance(tree, ast.Constant):
        return tree.value
    if isinstance(tree, (ast.Name, ast.Attribute)):
        return constants(ast.unparse(tree).removesuffix(".value"))  # an Enum's member has its text in `value`
    try:
        return ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN


def _pattern(tree: ast.expr, constants: Constants) -> str | None:
    """Return the known parts of a text that is made at run time: an f-string, `+`, `%` or `.format`."""
    if isinstance(tree, ast.JoinedStr):
        return "".join(
            str(each.value) if isinstance(each, ast.Constant) else _part(each, constants) for each in tree.values
        )
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        return "".join(_part(each, constants) for each in (tree.left, tree.right))
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mod) and isinstance(_value(tree.left, constants), str):
        return str(_value(tree.left, constants))
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr == "format":
        text = _value(tree.func.value, constants)
        return text if isinstance(text, str) else None
    return None


def _part(tree: ast.expr, constants: Constants) -> str:
    inner = tree.value if isinstance(tree, ast.FormattedValue) else tree
    value = _value(inner, constants)
    return str(value) if isinstance(value, (str, int)) else _pattern(inner, constants) or _MADE


def _is_blank(tree: ast.expr, constants: Constants) -> bool:
    return _value(tree, constants) in _BLANK if not isinstance(tree, (ast.Dict, ast.List, ast.Set)) else False
