"""The names of posthog that the package uses. posthog counts them as public: none begins with an underscore."""

from __future__ import annotations

import ast
import importlib
import queue
from collections.abc import Iterator
from pathlib import Path

import posthog
from posthog.consumer import Consumer

import analytics_posthog

PACKAGE = Path(analytics_posthog.__file__).parent

IMPORTED = {
    "posthog.Posthog",
    "posthog.consumer",
    "posthog.contexts.get_context_session_id",
    "posthog.contexts.get_tags",
    "posthog.request.batch_post",
    "posthog.request.determine_server_host",
    "posthog.version.VERSION",
}
OF_THE_CLIENT = {"disabled", "flush", "queue", "shutdown"}
OF_THE_CONSUMER = {
    *("flush_at", "flush_interval", "next", "queue", "request", "running", "upload"),
    *("is_alive", "join", "pause", "start"),
}
PRIVATE_OF_OTHERS = {
    "_SubParsersAction",  # of argparse, for annotations alone: it has no other name for the type
    "_Decompress",  # of zlib, in the same way
    "_getframe",  # of sys: the only way to know who has called
    "_replace",  # of named tuples, where the underscore only keeps it apart from the fields
}


def trees() -> Iterator[ast.Module]:
    for file in PACKAGE.rglob("*.py"):
        yield ast.parse(file.read_text(encoding="utf-8"))


def tree(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def imported() -> Iterator[str]:
    for node in (node for tree in trees() for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "posthog":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "posthog")


def test_what_is_imported_from_posthog() -> None:
    assert set(imported()) == IMPORTED
    for name in IMPORTED - {"posthog.consumer"}:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)


def test_what_is_used_of_the_official_client() -> None:
    used = {
        node.attr
        for node in ast.walk(tree("_delivery/official.py"))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("client", "self._client")
    }
    assert used == OF_THE_CLIENT
    client = posthog.Posthog("phc_key", send=False)
    assert [name for name in OF_THE_CLIENT if not hasattr(client, name)] == []


def test_what_our_consumer_uses_of_the_official_one() -> None:
    (ours,) = (node for node in tree("_delivery/consumer.py").body if isinstance(node, ast.ClassDef))
    used = {node.name for node in ours.body if isinstance(node, ast.FunctionDef)} - {"__init__"}
    used |= {
        node.attr for node in ast.walk(ours) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    }
    used |= {
        node.attr
        for node in ast.walk(tree("_delivery/posthog.py"))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "consumer"
    }
    official = Consumer(queue.Queue(), "phc_key")  # type: ignore[no-untyped-call]
    assert {name for name in used if hasattr(official, name)} == OF_THE_CONSUMER


def test_no_private_name_of_another_package_is_used() -> None:
    """`self._name` counts as our own; the next test holds it against what we inherit from posthog."""
    nodes = [node for tree in trees() for node in ast.walk(tree)]
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    ours = {node.attr for node in attributes if ast.unparse(node.value) in ("self", "cls")}
    ours |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    ours |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    private = {node.attr for node in attributes if node.attr.startswith("_") and not node.attr.startswith("__")}
    assert private - ours == PRIVATE_OF_OTHERS


def test_no_class_of_ours_has_a_private_name_of_the_official_one_s() -> None:
    official = Consumer(queue.Queue(), "phc_key")  # type: ignore[no-untyped-call]
    (ours,) = (node for node in tree("_delivery/consumer.py").body if isinstance(node, ast.ClassDef))
    named = {node.attr for node in ast.walk(ours) if isinstance(node, ast.Attribute)}
    assert {name for name in named if name.startswith("_") and hasattr(official, name)} == {"__init__"}
