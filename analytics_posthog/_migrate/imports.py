"""Imports of Segment's SDK in all spellings, and the names that they bind: what each becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Final

import libcst as cst

from .names import CLONES, LEGACY, OURS, SEGMENT, Names
from .risks import Risk
from .sites import Edit, Site, replaced
from .source import dotted

_SUBMODULES: Final = ("client", "consumer", "oauth_manager", "request", "utils", "version")
WITH_CARE: Final = frozenset(["consumer", "oauth_manager", "request", "utils"])  # submodules that differ


def sites_of_import(node: cst.Import, names: Names) -> Iterator[Site]:
    """Yield a site for each name of Segment's, or of a copy of it, that `import a, b as c` imports."""
    for alias in node.names:
        module = dotted(alias.name)
        rest = _below_segment(module, names)
        if rest is None:
            yield from _others(node, module, names)
        elif rest and rest.split(".")[0] not in _SUBMODULES:
            yield _left(node, names, f"this package has no {rest}")
        else:
            yield from _changed(node, names, [rest], [_edit_of_alias(alias, module, rest, names)])


def sites_of_import_from(node: cst.ImportFrom, names: Names) -> Iterator[Site]:
    """Yield the sites of `from a import b`."""
    if node.relative or node.module is None:
        return
    module = dotted(node.module)
    rest = _below_segment(module, names)
    if module == "segment" and not isinstance(node.names, cst.ImportStar):
        yield from _from_segment(node, names, node.names)
    elif rest is None:
        parts = [] if isinstance(node.names, cst.ImportStar) else [dotted(alias.name) for alias in node.names]
        clones = [f"{module}.{part}" for part in parts if f"{module}.{part}" in CLONES]
        yield from _others(node, clones[0] if clones else module, names)
    else:
        missing = _missing(rest, node)
        if missing:
            yield _left(node, names, f"this package has no {missing}")
        else:
            parts = [] if isinstance(node.names, cst.ImportStar) else [dotted(alias.name) for alias in node.names]
            edit = replaced(names.source, node.module, _joined(rest))
            yield from _changed(node, names, [rest] if rest else parts, [edit])


def edit_of_use(node: cst.Attribute, names: Names) -> Edit | None:
    """Return the edit of a `segment.analytics` in the code, after `import segment.analytics` without an alias."""
    if dotted(node) != SEGMENT or not any(each == SEGMENT or each.startswith(f"{SEGMENT}.") for each in names.bare):
        return None
    return replaced(names.source, node, OURS) if names.source.names(node).get(SEGMENT) else None


def has_name(path: str) -> bool:
    """Whether this package has a name, such as `client.Client`, as Segment's SDK has."""
    parts = path.split(".") if path else []
    place = OURS
    if parts and parts[0] in _SUBMODULES:
        place = f"{OURS}.{parts.pop(0)}"
    found = import_module(place)
    for part in parts:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def _below_segment(module: str, names: Names) -> str | None:
    for top in (SEGMENT, *([LEGACY] if names.legacy_why_not is None else [])):
        if module == top or module.startswith(f"{top}."):
            return module[len(top) + 1 :]
    return None


def _edit_of_alias(alias: cst.ImportAlias, module: str, rest: str, names: Names) -> Edit:
    if alias.asname is not None or module.startswith(SEGMENT):
        return replaced(names.source, alias.name, _joined(rest))
    bound = f"{OURS} as {LEGACY}"  # `import analytics.client` binds `analytics`
    return replaced(names.source, alias.name, f"{bound}, {_joined(rest)}" if rest else bound)


def _from_segment(node: cst.ImportFrom, names: Names, found: Sequence[cst.ImportAlias]) -> Iterator[Site]:
    if LEGACY not in [dotted(alias.name) for alias in found]:
        return
    if len(found) > 1:
        yield _left(node, names, "it imports more than analytics from segment. Write them on lines of their own")
    elif "#" in names.source.code(node):
        yield _left(node, names, "there is a comment inside")
    else:
        asname = found[0].asname
        bound = asname.name.value if asname is not None and isinstance(asname.name, cst.Name) else LEGACY
        alias = "" if bound == OURS else f" as {bound}"
        yield from _changed(node, names, [], [replaced(names.source, node, f"import {OURS}{alias}")])


def _changed(node: cst.Import | cst.ImportFrom, names: Names, parts: list[str], edits: list[Edit]) -> Iterator[Site]:
    yield Site.at(names.source, node, Risk.of("import", code=_code(node, names)), edits)
    for top in {part.split(".")[0] for part in parts} & WITH_CARE:
        yield Site.at(names.source, node, Risk.of("submodule", name=f"{SEGMENT}.{top}"))


def _left(node: cst.CSTNode, names: Names, why: str) -> Site:
    return Site.at(names.source, node, Risk.of("import-left", code=_code(node, names), why=why))


def _others(node: cst.CSTNode, module: str, names: Names) -> Iterator[Site]:
    """Yield the site of a copy of Segment's SDK, of an `analytics` that isn't Segment's, or of `import segment`."""
    for clone, what in CLONES.items():
        if module == clone or module.startswith(f"{clone}."):
            yield Site.at(names.source, node, Risk.of("clone", what=what))
    if module.split(".")[0] == LEGACY and names.legacy_why_not is not None:
        yield Site.at(names.source, node, Risk.of("legacy", why=names.legacy_why_not))
    if module == "segment":
        yield _left(node, names, "`import segment` alone doesn't load analytics. Import analytics_posthog instead")


def _missing(rest: str, node: cst.ImportFrom) -> str | None:
    """Return a name that the statement imports and this package doesn't have."""
    if rest and not has_name(rest):
        return rest
    if isinstance(node.names, cst.ImportStar):
        return None
    wanted = [_below(rest, dotted(alias.name)) for alias in node.names]
    return next((name for name in wanted if not has_name(name)), None)


def _below(rest: str, name: str) -> str:
    return f"{rest}.{name}" if rest else name


def _joined(rest: str) -> str:
    return f"{OURS}.{rest}" if rest else OURS


def _code(node: cst.CSTNode, names: Names) -> str:
    return " ".join(names.source.code(node).split())
