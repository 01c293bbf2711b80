"""Runs the audit and the change over files that a test gives as texts."""

from __future__ import annotations

from pathlib import Path

from analytics_posthog._migrate import App, find_files, read_app


def app_of(place: Path, files: dict[str, str | bytes]) -> App:
    """Write files into a directory, and return what is found in them. Names in it are relative to the directory."""
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_app(find_files([str(place)]))


def after(place: Path, files: dict[str, str | bytes]) -> dict[str, str]:
    """Return the files that change, with their new text."""
    app = app_of(place, files)
    assert app.left == []
    return {change.path.relative_to(place).as_posix(): change.after.decode() for change in app.changes}


def kinds(app: App) -> list[str]:
    """Return the kinds of all places, in order."""
    return [site.risk.kind for site in app.sites]
