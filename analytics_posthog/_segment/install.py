"""install_as_segment(): `import segment.analytics`, or the older `import analytics`, imports this package instead.

For code that can't be changed, such as a third-party package that calls Segment's SDK. It works with and without that
SDK installed, and dual running still reaches the real one. It changes no file and no other process.
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

from .._delivery import log
from ..errors import InstallRefused
from .pins import pin

_SUBMODULES: Final = ("client", "consumer", "oauth_manager", "request", "utils", "version")
# Segment's SDKs, old and new; some versions of the new one bring the old package along.
_DISTRIBUTIONS: Final = ("analytics-python", "segment-analytics-python")
_WHERE: Final = (
    "Put the line before the first import of it: at the top of the file that starts the app "
    "(manage.py, wsgi.py, celery.py, __main__.py)"
)


def install_as_segment(legacy: bool = False, *, write_key: str | None = None, host: str | None = None) -> None:
    """Make `import segment.analytics` import this package from now on, in all code, with all its submodules.

    With `legacy=True`, do so for the older top-level `analytics` only; call both for both. Call it in each process
    before anything imports Segment's SDK; a Client with `segment_write_key` imports it too. A second call changes
    nothing but what is pinned. `write_key` (PostHog's project API key) and `host` (PostHog's address, by default the
    module's) are pinned. Another one that a package sets on the module or passes to Client is not used. One warning
    says so. Raises InstallRefused if the SDK was imported already or if the app has a module of that name. Raises
    InvalidSetting for a key or host that can't work. Both change nothing.
    """
    name = "analytics" if legacy else "segment.analytics"
    package = sys.modules[__name__.partition(".")[0]]
    is_installed = sys.modules.get(name) is package
    if not is_installed:
        _check_free(name)
    vars(package).update(pin(write_key, host or (write_key and vars(package)["host"])))
    if not is_installed:
        _install(name, package)


def _check_free(name: str) -> None:
    """Raise InstallRefused unless the name is Segment's and nothing has imported it."""
    _check_own(name.partition(".")[0])
    if name in sys.modules or any(module.startswith(f"{name}.") for module in sys.modules):
        raise InstallRefused(
            f"{name} is Segment's SDK and was imported already, so install_as_segment() comes too late. {_WHERE}"
        )


def _install(name: str, package: ModuleType) -> None:
    if name == "segment.analytics":
        from .dual import set_aside  # at the top, it makes Python 3.11 import posthog's dependencies 25 ms slower

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
            f"there is a module {name!r} ({own[0].name}) that isn't Segment's SDK, and install_as_segment() "
            "doesn't take its place. Rename it, or change the imports of the code that calls Segment"
        )


def _files(spec: ModuleSpec | None) -> list[Path]:
    """Return the files of a top-level module."""
    if spec is None:
        return []
    if spec.submodule_search_locations is None or spec.has_location:
        return [Path(spec.origin or spec.name)]
    if spec.name == "segment":  # a namespace, which other packages may share
        return []
    # A namespace may be any directory of that name; it is a package if it has Python in it.
    portions = [Path(place) for place in spec.submodule_search_locations]
    return [file for portion in portions for file in portion.rglob("*.py")]


def _is_segment_s(path: Path) -> bool:
    """Whether a file is in the list of files that one of Segment's own distributions installed."""
    for name in _DISTRIBUTIONS:
        try:
            files = distribution(name).files or ()
        except PackageNotFoundError:
            continue
        if any(file.name == path.name and Path(str(file.locate())).resolve() == path.resolve() for file in files):
            return True
    return False


def _namespace() -> Any:
    """Return the package `segment`: Segment's if it is installed, else an empty one."""
    try:
        return importlib.import_module("segment")
    except ImportError:
        made = ModuleType("segment", "Holds what install_as_segment() has put here.")
        made.__path__ = []
        made.__spec__ = ModuleSpec("segment", None, is_package=True)  # find_spec() raises without one
        sys.modules["segment"] = made
        return made


class _OnlyThese:
    """On `sys.meta_path`: refuses other submodules, which would find a file of this package under another name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Called for each import that isn't cached. Raises ModuleNotFoundError for a submodule that isn't here."""
        if name.startswith(f"{self._name}."):
            why = f"{self._name} is analytics_posthog since install_as_segment(), and has only {', '.join(_SUBMODULES)}"
            # Code that catches an ImportError often goes on without analytics.
            log.warning("No module named %r: %s. The code that imports it may send nothing now: test it", name, why)
            raise ModuleNotFoundError(f"No module named {name!r}: {why}", name=name)
