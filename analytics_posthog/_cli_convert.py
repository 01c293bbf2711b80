"""The command `convert`: Segment messages in, PostHog events out, or both side by side. Sends nothing and needs no key."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from . import _cli_settings as settings
from ._batch import LIB
from ._cli_lines import name_of, parse, read
from ._cli_side_by_side import Page
from ._events import MAX_EVENT_SIZE
from ._values import json_default
from .convert import to_posthog, wanted
from .errors import InvalidMessage, InvalidSetting

_EPILOG: Final = """\
examples:
  analytics-posthog convert archive.jsonl > events.jsonl
  zcat logs/*.gz | analytics-posthog convert - | head
  analytics-posthog convert --side-by-side archive.jsonl.gz | less

A file has one Segment message a line, as Segment's archives have, gzip or not. Standard output
gets one PostHog event a line, as the package would send it. A line that is no message is named on
standard error as file:line: reason, and the next one goes on.

With --side-by-side each thing in the event stands beside the part of the message that it was made
from; "(added)" has no such part, and what "(not sent)" stands beside is not in the event. In a
terminal it is coloured if `rich` is there: pip install 'analytics-posthog[replay]'.

exit codes:
  0  all was converted    1  some lines or files were not    2  the command line can't work
"""


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "convert",
        help="show what Segment messages become in PostHog",
        description="Convert Segment messages into PostHog events. Sends nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="files of messages; - or none is standard input")
    parser.add_argument("--side-by-side", action="store_true", help="for reading: the message on the left, the event on the right")
    settings.add_conversion_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Convert, and return the exit code."""
    settings.check_conversion(options)
    if not options.files and sys.stdin.isatty():
        raise InvalidSetting("convert needs FILE, or messages on standard input. See analytics-posthog convert --help")
    converter = _Converter(options)
    for name in options.files or ["-"]:
        for number, line in read(name, converter.refuse):
            converter.take(f"{name_of(name)}:{number}", line)
    converter.end()
    return converter.code


class _Converter:
    """Converts line by line; what can't be converted is said, and makes the exit code 1."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.code = 0
        self._to_posthog = partial(to_posthog, group_type=options.group_type, person_profiles=options.person_profiles)
        self._page = Page(self._event) if options.side_by_side else None
        self._unwanted = 0

    def refuse(self, place: str, reason: str) -> None:
        """Say why a line or a file was not converted."""
        self.code = 1
        _say(f"{place}: {reason}")

    def take(self, place: str, line: bytes) -> None:
        """Convert a line and write what it became."""
        try:
            message = parse(line)
            if not wanted(message):
                self._unwanted += 1
                return
            event = self._event(message, lambda _, text: _say(f"{place}: note: {text}"))
            written = json.dumps(event, default=json_default)
            if len(written) > MAX_EVENT_SIZE:
                raise InvalidMessage(f"the event has more than {MAX_EVENT_SIZE // 1024} KiB as JSON, which PostHog doesn't take")
        except InvalidMessage as error:
            self.refuse(place, str(error))
            return
        if self._page is None:
            sys.stdout.write(written + "\n")
        else:
            self._page.show(place, message)

    def end(self) -> None:
        """Say what was kept back."""
        if self._unwanted:
            _say(f"note: {self._unwanted} message(s) left out: their integrations keep them away from PostHog")

    def _event(self, message: dict[str, Any], warn: Callable[[str, str], None] = lambda key, text: None) -> dict[str, Any]:
        event = self._to_posthog(message, warn=warn)
        event["properties"].update(LIB)
        return event


def _say(text: str) -> None:
    sys.stdout.flush()  # so that both come in order where both go to a terminal
    sys.stderr.write(text + "\n")
