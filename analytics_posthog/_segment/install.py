"""install_as_segment(): `import segment.analytics`, or the older `import analytics`, is this package, anywhere in the process.

For code that can't be changed: a third-party package that calls Segment's SDK. It works whether that SDK is installed or
not, and dual running reaches the real one all the same. What it does not do: change a file, or another process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ..errors import InstallRefused

_SUBMODULES: Final = ("client", "version")  # what apps import of Segment's package, and what this one has in their place
# Segment's SDKs, old and new; some versions of the new one bring the old package along.
_DISTRIBUTIONS: Final = ("analytics-python", "segment-analytics-python")
_WHERE: Final = (
    "Put the line before the first import of it: at the top of the file that starts the app (manage.py, wsgi.py, celery.py, __main__.py)"
)


def install_as_segment(legacy: bool = False) -> None:
    """Have `import segment.analytics` give this package from now on, also in code of others, with its `client` and `version`.

    With `legacy=True` the same for the older top-level `analytics`, and for that alone: call both for both. To be called in
    each process before anything imports Segment's SDK, as a Client with `segment_write_key` does too; harmless twice. Raises
    InstallRefused, and changes nothing, if that was imported already, or if the app has a module of its own of that name.
    """
    name = "analytics" if legacy else "segment.analytics"
    package = sys.modules[__name__.partition(".")[0]]
    if sys.modules.get(name) is package:
        return
    _check_own(name.partition(".")[0])
    if name in sys.modules or any(module.startswith(f"{name}.") for module in sys.modules):
        raise InstallRefused(f"{name} is Segment's SDK and was imported already, so install_as_segment() comes too late. {_WHERE}")
    if not legacy:
        from .dual import set_aside  # not above: one import deeper, Python 3.11 takes 25 ms longer over posthog's dependencies

        set_aside()
        _namespace().analytics = package
    for submodule in _SUBMODULES:
        sys.modules[f"{name}.{submodule}"] = importlib.import_module(f"{package.__name__}.{submodule}")
    sys.modules[name] = package
    sys.meta_path.insert(0, _OnlyThese(name))


def _check_own(name: str) -> None:
    """Raise InstallRefused if the app's top-level module of that name isn't Segment's."""
    try:
        spec = find_spec(name)
    except ValueError:  # it has no spec: something made it by hand
        own: list[Path] = [Path(name)]
    else:
        own = [path for path in _files(spec) if not _is_segment_s(path)]
    if own:
        raise InstallRefused(
            f"there is a module {name!r} ({own[0].name}) that isn't Segment's SDK, and install_as_segment() doesn't take its place. "
            "Rename it, or change the imports of the code that calls Segment"
        )


def _files(spec: ModuleSpec | None) -> list[Path]:
    """Return the files that make a top-level module what it is."""
    if spec is None:
        return []
    if spec.submodule_search_locations is None or spec.has_location:
        return [Path(spec.origin or spec.name)]
    if spec.name == "segment":  # a namespace that others may share, and go on to
        return []
    portions = [Path(place) for place in spec.submodule_search_locations]  # may be any directory; with Python in it, it is a package
    return [file for portion in portions for file in portion.rglob("*.py")]


def _is_segment_s(path: Path) -> bool:
    """Whether one of Segment's own distributions has installed a file, by its own list of files."""
    for name in _DISTRIBUTIONS:
        try:
            files = distribution(name).files or ()
        except PackageNotFoundError:
            continue
        if any(file.name == path.name and Path(str(file.locate())).resolve() == path.resolve() for file in files):
            return True
    return False


def _namespace() -> Any:
    """Return the package `segment`, which is Segment's if it is installed, else an empty one."""
    try:
        return importlib.import_module("segment")
    except ImportError:
        made = ModuleType("segment", "Holds what install_as_segment() has put here.")
        made.__path__ = []
        made.__spec__ = ModuleSpec("segment", None, is_package=True)  # who asks find_spec() whether there is one gets an answer
        sys.modules["segment"] = made
        return made


class _OnlyThese:
    """On `sys.meta_path`: says of what is not here of a package that it is not, instead of finding a file of ours by another name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Called for each import of what isn't imported yet. Raises ModuleNotFoundError for a submodule that Segment's package may have."""
        if name.startswith(f"{self._name}."):
            here = " and ".join(f"{self._name}.{submodule}" for submodule in _SUBMODULES)
            raise ModuleNotFoundError(
                f"No module named {name!r}: {self._name} is analytics_posthog since install_as_segment(), and has only {here}",
                name=name,
            )
