"""The command `migrate`: finds each use of Segment's SDK in an app's code, says what becomes of it, and changes it."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import sys
from typing import TYPE_CHECKING, Final

from .._settings import HOST_VARIABLE, KEY_VARIABLE
from ..errors import InvalidSetting
from .plain import plain, plain_lines

if TYPE_CHECKING:
    from .._migrate import App, Change

_NEEDED: Final = ("libcst", "rich")
_IMPORTS: Final = ("import", "import-left", "module-name")  # kinds of places that --check finds
_BY_HAND: Final = ("import-left", "requirement-left", "write-key-left", "host-left", "lock")
_EPILOG: Final = """\
examples:
  analytics-posthog migrate             # every call, what it becomes, and what may surprise
  analytics-posthog migrate --markdown src > audit.md
  analytics-posthog migrate --diff | less
  analytics-posthog migrate --write
  analytics-posthog migrate --check     # for CI: code 1 while Segment's SDK is still imported

PATH is a file or a directory, by default the current one. Nothing of the app is imported or run.
Files in .git, in virtual environments or ignored by git are not looked at, and links are not
followed.

--write changes imports in all spellings, the write key and the host (to names from the
environment; the old ones stay in a comment), requirement files, and the names that tests replace.
All else stays as it is, to the byte. It refuses a repository with changes that are not committed,
unless there is --force.

exit codes:
  0  all is well    1  something is left to do by hand, or Segment's SDK is still imported
  2  the command line is wrong
"""


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "migrate",
        help="find and change each use of Segment's SDK in an app's code",
        description="Find each use of Segment's SDK in an app's code, say what becomes of it, and change it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="files and directories (default: the current one)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--audit", action="store_true", help="list calls, risks and the tracking plan (the default)")
    what.add_argument("--diff", action="store_true", help="show what --write would change")
    what.add_argument("--write", action="store_true", help="change the files")
    what.add_argument("--check", action="store_true", help="list the imports of Segment's SDK that are left")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the audit as JSON")
    form.add_argument("--markdown", action="store_true", help="the audit as Markdown, for a pull request")
    parser.add_argument("--force", action="store_true", help="let --write change files that git could not bring back")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Audit, show, change or check; return the exit code. Raises InvalidSetting and OSError."""
    if (options.json or options.markdown) and (options.diff or options.write or options.check):
        raise InvalidSetting("--json and --markdown are for the audit alone. Leave --diff, --write and --check out")
    if options.force and not options.write:
        raise InvalidSetting("--force is for --write alone")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidSetting(f"migrate needs {' and '.join(missing)}: pip install 'analytics-posthog[migrate]'")
    from .._migrate import find_files, read_app

    paths = options.paths or ["."]
    app = read_app(find_files(paths))
    for file, why in app.left:
        sys.stderr.write(plain_lines(f"analytics-posthog: {file} is left as it is: {why}\n"))
    if options.check:
        return _check(app)
    if options.diff:
        for change in app.changes:
            sys.stdout.write(_diff(change))
        return 1 if app.left else 0
    if options.write:
        return _write(app, paths, force=options.force)
    from .migrate_report import as_json, as_markdown, as_text

    form = as_json if options.json else as_markdown if options.markdown else as_text
    sys.stdout.write(form(app))
    return 1 if app.left else 0


def _check(app: App) -> int:
    found = [site for site in app.sites if site.risk.kind in _IMPORTS]
    for site in found:
        sys.stdout.write(plain_lines(f"{site.file}:{site.line}: {site.risk.what}\n"))
    return 1 if found or app.left else 0


def _diff(change: Change) -> str:
    """Return a file's difference, as git shows it."""
    name = plain(change.path.as_posix())
    before, after = _lines(change.before), _lines(change.after)
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes) -> list[str]:
    """Return a file's lines for reading, without what a terminal takes for a command."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").expandtabs(4)
    return plain_lines(text).splitlines(keepends=True)


def _write(app: App, paths: list[str], *, force: bool) -> int:
    from .._migrate import check_clean, write

    if not app.changes:
        sys.stdout.write("nothing is to change\n")
    elif not force:
        check_clean(paths)
    for change in app.changes:
        write(change.path, change.after)
        sys.stdout.write(plain_lines(f"changed {change.path}\n"))
    by_hand = [site for site in app.sites if site.risk.kind in _BY_HAND]
    for site in by_hand:
        sys.stdout.write(plain_lines(f"{site.file}:{site.line}: {site.risk.what}. {site.risk.remedy}\n"))
    kinds = {site.risk.kind for site in app.sites if site.edits}
    if kinds & {"write-key", "host"}:
        sys.stdout.write(f"Set {KEY_VARIABLE} and {HOST_VARIABLE} where the app runs; then: analytics-posthog check\n")
    return 1 if app.left or by_hand else 0
