"""Finds the files to look at, reads them, and writes them back: never one outside the paths or ignored by git."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..errors import InvalidSetting

# Directories that hold no code of the app's own, whatever git says of them.
_SKIPPED: Final = frozenset(
    ".git .hg .svn .tox .nox .venv .eggs .mypy_cache .pytest_cache .ruff_cache __pycache__ node_modules site-packages"
    " __pypackages__".split()
)
_MOST: Final = 5 * 1024 * 1024  # bytes of a file; nobody writes a longer one by hand


def find_files(paths: Iterable[str]) -> list[Path]:
    """Return the files at these paths, in order and each once: not in .git, virtual environments or ignored by git.

    A symbolic link inside a path isn't followed. Raises InvalidSetting for a path that isn't there.
    """
    found: dict[Path, None] = {}
    for name in paths:
        path = Path(name)
        if path.is_file():
            found[path] = None
        elif path.is_dir():
            found.update(dict.fromkeys(_files_in(path)))
        else:
            raise InvalidSetting(f"PATH {name!r} is neither a file nor a directory. Name the app's own directory")
    return sorted(found)


def read(path: Path) -> bytes | str:
    """Return a file's bytes, or a text that says why it can't be read."""
    try:
        if path.stat().st_size > _MOST:
            return f"it has over {_MOST // 2**20} MiB"
        return path.read_bytes()
    except OSError as error:
        return f"it can't be read: {error.strerror}"


def write(path: Path, data: bytes) -> None:
    """Replace a file's content as a whole; its mode stays. Raises OSError."""
    mode = path.stat().st_mode & 0o7777
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def check_clean(paths: Iterable[str]) -> None:
    """Raise InvalidSetting if git could not bring back what a change of these paths replaces."""
    for name in paths:
        place = Path(name) if Path(name).is_dir() else Path(name).parent
        said = _git(place, "status", "--porcelain", "-z")
        if said is None:
            why = "is in no git repository, so nothing could bring the old files back"
            raise InvalidSetting(f"{name} {why}. Add --force if that is meant")
        if said:
            why = "the repository has changes that are not committed"
            raise InvalidSetting(f"{why}. Commit or stash them, so that the diff is this command's; or add --force")


def _files_in(directory: Path) -> Iterator[Path]:
    tracked = _git(directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = (
        _walk(directory)
        if tracked is None
        else (directory / os.fsdecode(name) for name in tracked.split(b"\0") if name)
    )
    environments: dict[Path, bool] = {}
    for path in names:
        inside = path.relative_to(directory).parts[:-1]
        if not _SKIPPED.isdisjoint(inside) or _in_environment(path.parent, directory, environments):
            continue
        # A file that git knows may be gone, or be a link that leads out of the directory.
        if path.is_file() and not path.is_symlink() and not _through_link(path.parent, directory):
            yield path


def _walk(directory: Path) -> Iterator[Path]:
    for place, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        for file in files:
            yield Path(place, file)


def _in_environment(place: Path, top: Path, known: dict[Path, bool]) -> bool:
    """Whether a directory is inside a virtual environment below `top`."""
    if place == top:
        return False
    if place not in known:
        known[place] = (place / "pyvenv.cfg").exists() or _in_environment(place.parent, top, known)
    return known[place]


def _through_link(place: Path, top: Path) -> bool:
    return place != top and (place.is_symlink() or _through_link(place.parent, top))


def _git(directory: Path, *arguments: str) -> bytes | None:
    """Return what a git command prints; None without git, or outside of a repository."""
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
