"""Knows which names in an app stand for Segment's SDK, also where one file imports them from another one.

A name of Segment's is written here as it is below `segment.analytics`. "" is the module, "track" a function, "Client"
the class, "Client()" an instance of it, "Client().track" its method.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import libcst as cst
import libcst.matchers as m
from libcst.metadata import QualifiedNameSource

from .source import Source, dotted, text_of

SEGMENT: Final = "segment.analytics"
LEGACY: Final = "analytics"
OURS: Final = "analytics_posthog"
# SDKs that began as copies of Segment's: their calls look the same, but their data goes elsewhere.
CLONES: Final = {
    "rudderstack.analytics": "RudderStack's SDK",
    "rudder_analytics": "RudderStack's SDK",
    "customerio.analytics": "Customer.io's SDK",
    "hightouch.htevents": "Hightouch's SDK",
}
# Names that only Segment's old `analytics` and this package have; another module `analytics` would have others.
_KNOWN: Final = frozenset(
    "track identify page screen alias group flush join shutdown write_key host debug send on_error max_queue_size gzip"
    " timeout max_retries sync_mode proxies thread upload_size upload_interval log_handler default_client Client client"
    " consumer request utils version VERSION __version__ endpoint setup".split()
)
CLIENT: Final = ("Client", "client.Client")
INSTANCE: Final = "Client()"
_IMPORTERS: Final = ("importlib.import_module", "import_module", "pytest.importorskip", "sys.modules.get")
_ROUNDS: Final = 6


class Project:
    """All files of an app, each by the names under which others may import it."""

    def __init__(self, sources: Iterable[Source], own: Iterable[Path]) -> None:
        """`own`: all Python files of the app, for the question whether a module `analytics` is the app's own."""
        self.sources = list(sources)
        self._own = sorted(path for path in own if _is_analytics(path))
        self._modules: dict[str, list[Source]] = {}
        self.names = {source.path: Names(source, self) for source in self.sources}
        for source in self.sources:
            for name in _module_names(source.path):
                self._modules.setdefault(name, []).append(source)
        self._asked: set[tuple[Path, str]] = set()
        for _ in range(_ROUNDS):  # a file may import from one that imports from a third one
            news = [names.look_for_clients() for names in self.names.values()]
            if not any(news):
                break

    def own_analytics(self, source: Source) -> Path | None:
        """Return the app's own module `analytics` that `import analytics` in a file would find; None: there is none."""
        package = source.path.parent
        while (package / "__init__.py").exists() and package != package.parent:
            package = package.parent
        for path in self._own:
            place = path.parent.parent if path.name == "__init__.py" or path.parent.name == LEGACY else path.parent
            if place == package or not (place / "__init__.py").exists():
                return path
        return None

    def exported(self, name: str, importer: Source) -> str | None:
        """Return what a name of another file of the app, such as `app.tracking.client`, is of Segment's."""
        for file, rest in self._files_of(name, importer):
            first, *more = rest.split(".")
            asked = file.path, first
            if asked in self._asked:  # files that import from each other
                continue
            self._asked.add(asked)
            found = self.names[file.path].of_module_level(first)
            self._asked.discard(asked)
            if found is not None:
                return _joined(found, more)
        return None

    def imported(self, source: Source, name: str) -> Iterator[tuple[Source, str]]:
        """Yield the files from which a file may import a name, and the name there: `events.ORDER` is their `ORDER`."""
        first, *more = name.split(".")
        for absolute in self.names[source.path].top_imports(first):
            yield from self._files_of(_joined(absolute, more), source)

    def _files_of(self, name: str, importer: Source) -> Iterator[tuple[Source, str]]:
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            files = self._modules.get(".".join(parts[:cut]), [])
            for file in sorted(files, key=lambda file: -_common(file.path, importer.path)):
                yield file, ".".join(parts[cut:])


class Names:
    """What the names in one file stand for."""

    def __init__(self, source: Source, project: Project) -> None:
        self.source = source
        self._project = project
        self._instances: dict[str, str] = {}  # a variable's full name, or its text such as "self.client": "Client()"
        self.imports = list(_imports(source.tree))
        self.bare = {each for each in self.imports if each == SEGMENT or each.startswith(f"{SEGMENT}.")}
        self.has_legacy = any(each.split(".")[0] == LEGACY for each in self.imports)
        self.star = f"{SEGMENT}.*" in self.imports
        self.legacy_why_not = self._legacy_why_not()

    def of(self, node: cst.BaseExpression) -> str | None:
        """Return what an expression is of Segment's; None if it is nothing of Segment's."""
        if isinstance(node, cst.Call):
            return self._of_call(node)
        if isinstance(node, cst.Attribute):
            text = dotted(node)
            if text in self._instances:
                return self._instances[text]
            before = self.of(node.value) if isinstance(node.value, (cst.Call, cst.Attribute)) else None
            if before is not None and before.startswith(INSTANCE):
                return _joined(before, [node.attr.value])
        for name, imported in self.source.names(node).items():
            found = self.of_imported(name) if imported else self._of_local(name)
            if found is not None:
                return found
        if self.star and isinstance(node, cst.Name) and not self.source.names(node) and node.value in _KNOWN:
            return node.value
        return None

    def of_imported(self, name: str) -> str | None:
        """Return what an imported name, such as `segment.analytics.track`, is of Segment's."""
        if name == SEGMENT or name.startswith(f"{SEGMENT}."):
            return _instance_of_default(name[len(SEGMENT) + 1 :])
        if self.legacy_why_not is None and (name == LEGACY or name.startswith(f"{LEGACY}.")):
            return _instance_of_default(name[len(LEGACY) + 1 :])
        for absolute in self._absolute(name):
            found = self._project.exported(absolute, self.source)
            if found is not None:
                return found
        return None

    def of_module_level(self, name: str) -> str | None:
        """Return what a name at the top of this file is of Segment's, for other files."""
        if name in self._instances:
            return self._instances[name]
        origins = (self.of_imported(found) for found in self._bound(name))
        return next((origin for origin in origins if origin is not None), None)

    def top_imports(self, name: str) -> Iterator[str]:
        """Yield the absolute names that a name at the top of this file is imported by."""
        for found in self._bound(name):
            yield from self._absolute(found)

    def _bound(self, name: str) -> list[str]:
        scope = self.source.scopes.get(self.source.tree)
        found = scope.get_qualified_names_for(name) if scope is not None else ()
        return [each.name for each in found if each.source is QualifiedNameSource.IMPORT]

    def look_for_clients(self) -> bool:
        """Note what in this file is something of Segment's under another name; return whether that is news."""
        before = len(self._instances)
        self.source.tree.visit(_Clients(self))
        return len(self._instances) > before

    def note(self, target: cst.BaseExpression, what: str) -> None:
        """Note that a variable, an attribute, a class or a function is something of Segment's."""
        names = [name for name, imported in self.source.names(target).items() if not imported]
        if isinstance(target, cst.Attribute):
            names.append(dotted(target))
        elif names and "." in names[0] and not names[0].rpartition(".")[0].endswith("<locals>"):  # a class's own
            names += [f"self.{dotted(target)}", f"cls.{dotted(target)}"]
        self._instances.update(dict.fromkeys(filter(None, names), what))

    def _of_local(self, name: str) -> str | None:
        if name in self._instances:
            return self._instances[name]
        before, _, attribute = name.rpartition(".")
        found = self._of_local(before) if before else None
        return None if found is None else _joined(found, [attribute])

    def _of_call(self, node: cst.Call) -> str | None:
        made = self.of(node.func)
        if dotted(node.func) in _IMPORTERS and node.args:
            return self.of_imported(text_of(node.args[0].value) or "")
        if made in CLIENT:
            return INSTANCE
        return made[: -len("()")] if made is not None and made.endswith("()()") else None

    def _absolute(self, name: str) -> Iterator[str]:
        """Yield the absolute names of an imported one; a relative one has as many dots in front as levels to go up."""
        level = len(name) - len(name.lstrip("."))
        if not level:
            yield name
            return
        package = self.source.path.parts[:-1]
        if level <= len(package) + 1:
            yield ".".join([*package[: len(package) - level + 1], name[level:]])

    def _legacy_why_not(self) -> str | None:
        """Return why `analytics` in this file isn't Segment's; None: it is, or the file doesn't import it."""
        imported = [each for each in self.imports if each.split(".")[0] == LEGACY]
        if not imported:
            return None
        own = self._project.own_analytics(self.source)
        if own is not None:
            return f"`analytics` is a module of your own, {own}"
        used = {each.split(".")[1] for each in imported if "." in each} - {"*"}
        for each in m.findall(self.source.tree, m.Attribute(value=m.Name(LEGACY))):
            used.add(cst.ensure_type(each, cst.Attribute).attr.value)
        unknown = sorted(used - _KNOWN)
        if unknown:
            return f"`analytics.{unknown[0]}` is not in Segment's SDK, so `analytics` is another package"
        return None


class _Clients(cst.CSTVisitor):
    """Finds `x = Client(...)`, `x: Client`, `class X(Client)` and functions that return a client."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def visit_Assign(self, node: cst.Assign) -> None:
        found = self._names.of(node.value)
        if found is not None:
            for target in node.targets:
                self._names.note(target.target, found)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        found = self._names.of(node.value) if node.value is not None else None
        if found == INSTANCE or self._is_client(node.annotation):
            self._names.note(node.target, INSTANCE)

    def visit_Param(self, node: cst.Param) -> None:
        if self._is_client(node.annotation):
            self._names.note(node.name, INSTANCE)

    def visit_WithItem(self, node: cst.WithItem) -> None:
        if node.asname is not None and self._names.of(node.item) == INSTANCE:
            self._names.note(node.asname.name, INSTANCE)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        if any(self._names.of(base.value) in CLIENT for base in node.bases):
            self._names.note(node.name, "Client")

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        returned = [each.value for each in m.findall(node.body, m.Return()) if isinstance(each, cst.Return)]
        is_client = self._is_client(node.returns)
        if is_client or any(each is not None and self._names.of(each) == INSTANCE for each in returned):
            names = [dotted(each.decorator).rpartition(".")[2] for each in node.decorators]
            is_property = any(name.endswith("property") for name in names)
            self._names.note(node.name, INSTANCE if is_property else f"{INSTANCE}()")

    def _is_client(self, annotation: cst.Annotation | None) -> bool:
        if annotation is None:
            return False
        inside = [annotation.annotation, *m.findall(annotation.annotation, m.Name() | m.Attribute())]
        return any(self._names.of(each) in CLIENT for each in inside if isinstance(each, (cst.Name, cst.Attribute)))


def _instance_of_default(name: str) -> str:
    return name.replace("default_client", INSTANCE, 1) if name.split(".")[0] == "default_client" else name


def _joined(name: str, more: list[str]) -> str:
    return ".".join([*([name] if name else []), *more])


def _imports(tree: cst.Module) -> Iterator[str]:
    """Yield what a file imports by absolute names: modules, and module.name."""
    for node in m.findall(tree, m.Import() | m.ImportFrom()):
        if isinstance(node, cst.Import):
            yield from (dotted(each.name) for each in node.names)
        elif isinstance(node, cst.ImportFrom) and not node.relative:
            module = dotted(node.module)
            names = ["*"] if isinstance(node.names, cst.ImportStar) else [dotted(each.name) for each in node.names]
            yield from (f"{module}.{name}" for name in names)


def _is_analytics(path: Path) -> bool:
    return path.name == f"{LEGACY}.py" or path.parent.name == LEGACY


def _module_names(path: Path) -> Iterator[str]:
    """Yield the names under which a file may be imported: from each directory above it on."""
    parts = [*path.parts[:-1], *([] if path.stem == "__init__" else [path.stem])]
    for start in range(len(parts)):
        yield ".".join(parts[start:])


def _common(one: Path, other: Path) -> int:
    return sum(1 for a, b in zip(one.parts, other.parts, strict=False) if a == b)
