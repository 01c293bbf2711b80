"""The command line: `analytics-posthog COMMAND`, or `python -m analytics_posthog COMMAND`.

Each command is a file of its own with `add_to(subcommands)` and `run(options) -> exit code`. This file has the help,
and writes an error as one line to standard error, without a traceback, the key or anybody's data.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn

from ..errors import AnalyticsError, InvalidSetting
from ..version import VERSION
from .plain import plain_lines
from .settings import refuse_keys

# Only imported when the command line runs.
COMMANDS: Final = ("check", "migrate", "convert", "replay", "outbox", "inspect")
PROGRAM: Final = "analytics-posthog"

FAILED: Final = 1
CANT_WORK: Final = 2
STOPPED: Final = 130  # 128 + SIGINT, as in a shell
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE
_CHOICE: Final = re.compile(r"invalid choice: '(?P<got>[^']*)' \(choose from (?P<known>.*)\)")

_EPILOG: Final = f"""\
examples:
  {PROGRAM} check                          # are key and host right?
  {PROGRAM} convert archive.jsonl | head   # what PostHog would get
  {PROGRAM} replay --dry-run archive/      # what a replay would send
  {PROGRAM} outbox /var/lib/app/analytics  # what waits there
  {PROGRAM} inspect                        # a page that shows events as an app sends them

To complete commands and options by Tab: pip install 'analytics-posthog[completion]', and
  eval "$(register-python-argcomplete {PROGRAM})"

The key is never an argument: it comes from $POSTHOG_PROJECT_API_KEY or --key-file FILE, the
address from $POSTHOG_HOST or --host URL. Results go to standard output, everything else to
standard error.

exit codes:
  0    all is well
  1    something was refused, rejected or failed; standard error says what
  2    the command line or a setting is wrong
  130  stopped by Ctrl-C, 143 by SIGTERM; 141: the reader of the output closed it
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
    except OSError as error:  # for example, the disk of standard output is full
        _say(f"error: {error.strerror or type(error).__name__}{f': {error.filename}' if error.filename else ''}")
        return FAILED
    except Exception as error:
        what = f"{type(error).__name__} at {_place(error.__traceback__)}"
        _say(f"error: {what}, which should not happen. Please report it, without anybody's data")
        return FAILED


def _run(arguments: list[str]) -> int:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # the output's encoding may lack a name's characters
    refuse_keys(arguments)
    parser, commands = command_line()
    _complete(parser)
    try:
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            command = commands[options.command]
            command.error(f"unrecognized arguments: {' '.join(unknown)}{_hint(unknown[0], command.known_options())}")
    except SystemExit as end:  # after the help, or after argparse's line about a wrong argument
        return int(end.code or 0)
    code: int = options.run(options)
    return code


def command_line() -> tuple[argparse.ArgumentParser, dict[str, _Parser]]:
    """Return the parser, and the parser of each command by its name."""
    parser = _Parser(
        prog=PROGRAM,
        description="Move from Segment to PostHog: check settings, convert messages, replay archives, watch events.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    subcommands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True, parser_class=_Parser
    )
    for name in COMMANDS:
        import_module(f".{name}", __package__).add_to(subcommands)
    return parser, subcommands.choices


class _Parser(argparse.ArgumentParser):
    """Writes an error as one line, and takes no shortened options: `--key phc_...` must not mean `--key-file`."""

    def __init__(self, **settings: object) -> None:
        if sys.version_info >= (3, 14):
            settings["suggest_on_error"] = False  # `error` does so for each Python
        super().__init__(**{**settings, "allow_abbrev": False})  # type: ignore[arg-type]

    def known_options(self) -> list[str]:
        """Return the names of the options."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Write the message, with what may have been meant, and exit with code 2."""
        chosen = _CHOICE.search(message)
        if chosen is not None:
            message += _hint(chosen["got"], re.findall(r"[\w-]+", chosen["known"]))
        self.exit(CANT_WORK, plain_lines(f"{self.prog}: error: {message}. See {self.prog} --help\n"))


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.partition("=")[0], list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, if argcomplete is installed; it ends the process then."""
    if "_ARGCOMPLETE" in os.environ:
        with suppress(ImportError):
            import argcomplete

            argcomplete.autocomplete(parser)


def _say(text: str) -> None:
    with suppress(OSError):  # standard error is closed
        sys.stderr.write(plain_lines(f"{PROGRAM}: {text}\n"))


def _forget_output() -> None:
    """Point standard output at the null device, so that Python's own flush at exit doesn't fail."""
    with suppress(OSError, ValueError):  # a test's output may have no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _place(trace: TracebackType | None) -> str:
    """Return where an error was raised: a file's name without its directory, and a line."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
