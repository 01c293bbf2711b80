"""Texts in the code that name Segment's module, its logger or its host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import libcst as cst

from .imports import has_name
from .names import OURS, SEGMENT, Names
from .risks import Risk
from .sites import Edit, Site
from .source import dotted, text_of

_LOGGER: Final = "segment"
# What takes a module's or an attribute's dotted name as its first argument, by the end of the function's name.
_TAKE_NAMES: Final = (
    "patch",
    "setattr",
    "delattr",
    "import_module",
    "__import__",
    "find_spec",
    "importorskip",
)
_GET_LOGGER: Final = ("getLogger", "get_logger")
_IDLE: Final = ("consumer.", "oauth_manager.", "request.post", "client.post", "client.queue")
_HOST: Final = re.compile(r"\b(?:api|events)(?:\.[a-z0-9-]+)*\.(?:segment\.(?:io|com)|segmentapis\.com)\b", re.I)


def sites_of_call(node: cst.Call, names: Names) -> Iterator[Site]:
    """Yield the sites of `patch("segment.analytics.track")`, `getLogger("segment")` and the like."""
    function = dotted(node.func).rpartition(".")[2] or _last_name(node.func)
    for argument in node.args[:1]:
        text = text_of(argument.value)
        if text == _LOGGER and function in _GET_LOGGER:
            yield _renamed(argument.value, names, Risk.of("logger"), _LOGGER)
        elif text is not None and function in _TAKE_NAMES:
            yield from _of_module_name(argument.value, text, names, "mock")


def sites_of_subscript(node: cst.Subscript, names: Names) -> Iterator[Site]:
    """Yield the site of `sys.modules["segment.analytics"]`."""
    if dotted(node.value) == "sys.modules" and isinstance(node.slice[0].slice, cst.Index):
        value = node.slice[0].slice.value
        yield from _of_module_name(value, text_of(value) or "", names, "module-name")


def sites_of_dict(node: cst.Dict, names: Names) -> Iterator[Site]:
    """Yield the sites of a logging configuration's `"loggers": {"segment": ...}`, and of a dict for `sys.modules`."""
    for element in node.elements:
        if not isinstance(element, cst.DictElement):
            continue
        key = text_of(element.key)
        if key == "loggers" and isinstance(element.value, cst.Dict):
            for logger in element.value.elements:
                if isinstance(logger, cst.DictElement) and text_of(logger.key) == _LOGGER:
                    yield _renamed(logger.key, names, Risk.of("logger"), _LOGGER)
        elif key is not None:
            yield from _of_module_name(element.key, key, names, "module-name")


def sites_of_text(node: cst.SimpleString, names: Names) -> Iterator[Site]:
    """Yield the site of a text that names Segment's host."""
    text = text_of(node)
    if text is not None and len(text) < 1000 and "\n" not in text and _HOST.search(text):
        yield Site.at(names.source, node, Risk.of("segment-host"))


def _of_module_name(node: cst.BaseExpression, text: str, names: Names, kind: str) -> Iterator[Site]:
    for top in (SEGMENT, *(["analytics"] if names.legacy_why_not is None and names.has_legacy else [])):
        if text != top and not text.startswith(f"{top}."):
            continue
        rest = text[len(top) + 1 :]
        if not has_name(rest):
            yield Site.at(names.source, node, Risk.of("mock-idle", name=text))
            continue
        if kind == "mock" and rest.startswith(_IDLE):
            yield Site.at(names.source, node, Risk.of("mock-idle", name=text))
        yield _renamed(node, names, Risk.of(kind, name=text), top)
        return


def _renamed(node: cst.BaseExpression, names: Names, risk: Risk, old: str) -> Site:
    """Return the site of a text whose beginning is renamed."""
    start, _ = names.source.span(node)
    at = names.source.code(node).find(old)
    edits: Sequence[Edit] = [Edit(start + at, start + at + len(old), OURS)] if at >= 0 else ()
    return Site.at(names.source, node, risk, edits)


def _last_name(node: cst.BaseExpression) -> str:
    return node.attr.value if isinstance(node, cst.Attribute) else ""
