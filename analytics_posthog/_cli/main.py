"""The command line: `analytics-posthog COMMAND`, or `python -m analytics_posthog COMMAND`.

Each command is a file of its own with `add_to(subcommands)` and `run(options) -> exit code`; here is what they share: the
help, and that an error is one line on standard error, without a traceback, the key or anybody's data.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn

from ..errors import AnalyticsError, InvalidSetting
from ..version import VERSION
from .settings import refuse_keys

# Imported when the command line is used, and by nobody else.
COMMANDS: Final = ("check", "convert", "replay", "inspect")
PROGRAM: Final = "analytics-posthog"

FAILED: Final = 1
CANT_WORK: Final = 2
STOPPED: Final = 130  # 128 + SIGINT, as a shell has it
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE

_EPILOG: Final = f"""\
examples:
  {PROGRAM} check                          # are key and host right?
  {PROGRAM} convert archive.jsonl | head   # what PostHog would get
  {PROGRAM} replay --dry-run archive/      # what a replay would send
  {PROGRAM} inspect                        # a local page that shows events as an app sends them

The key is never an argument: it comes from $POSTHOG_PROJECT_API_KEY or --key-file FILE, the
address from $POSTHOG_HOST or --host URL. Output goes to standard output, all else to standard
error.

exit codes:
  0    all is well
  1    something was refused, rejected or failed; standard error says what
  2    the command line or the settings can't work
  130  stopped by Ctrl-C, 143 by SIGTERM; 141: who read the output has closed it
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` by default, and return its exit code. Never raises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except AnalyticsError as error:
        _say(f"error: {error}")
        return CANT_WORK if isinstance(error, InvalidSetting) else FAILED
    except KeyboardInterrupt:
        _say("stopped")
        return STOPPED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except OSError as error:  # the disk behind standard output is full, for one
        _say(f"error: {error.strerror or type(error).__name__}{f': {error.filename}' if error.filename else ''}")
        return FAILED
    except Exception as error:
        where = _place(error.__traceback__)
        _say(
            f"error: {type(error).__name__} at {where}, which should not happen. Please report it, without anybody's data"
        )
        return FAILED


def _run(arguments: list[str]) -> int:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a name may have characters that the output's encoding has not
    refuse_keys(arguments)
    parser = _Parser(
        prog=PROGRAM,
        description="Leave Segment behind: check the settings, see what messages become, bring the history to PostHog, watch events.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    subcommands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True, parser_class=_Parser
    )
    for name in COMMANDS:
        import_module(f".{name}", __package__).add_to(subcommands)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:  # help, or a wrong argument, which argparse has said
        return int(end.code or 0)
    code: int = options.run(options)
    return code


class _Parser(argparse.ArgumentParser):
    """Says an error in one line, and takes an option by its whole name only: `--key phc_...` must not pass for `--key-file`."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Leave with code 2."""
        self.exit(CANT_WORK, f"{self.prog}: error: {message}. See {self.prog} --help\n")


def _say(text: str) -> None:
    with suppress(OSError):  # nobody is left to be told
        sys.stderr.write(f"{PROGRAM}: {text}\n")


def _forget_output() -> None:
    """Point standard output at nothing, so that Python's own last flush of it fails no more."""
    with suppress(OSError, ValueError):  # a test's stand-in has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _place(trace: TracebackType | None) -> str:
    """Name the innermost place of an error: a file's bare name and a line."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
