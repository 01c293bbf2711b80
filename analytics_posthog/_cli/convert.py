"""The command `convert`: Segment messages in, PostHog events out, or both side by side. Sends nothing and needs no key."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from .._delivery import LIB, log
from .._message import json_default
from ..convert import EVENTS, to_posthog
from ..errors import InvalidMessage, InvalidSetting
from ..replay import STDIN, Choice, Line, LineEvent, Lines, Skipped, Unreadable, find, name_of, opened, readable
from . import settings
from .side_by_side import Page

_EPILOG: Final = """\
examples:
  analytics-posthog convert archive.jsonl > events.jsonl
  zcat logs/*.gz | analytics-posthog convert - | head
  analytics-posthog convert --side-by-side archive.jsonl.gz | less

FILE is a file, a directory, a glob, or an s3:// or gs:// URL with the extra [replay].
It has one Segment message a line, as Segment's archives have, gzip or not; the oldest file comes
first. Standard output gets one PostHog event a line, as the package sends it. A line that is no
message, or that PostHog wouldn't take, is named on standard error as file:line: reason, and the
next one goes on.

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
    parser.add_argument(
        "--side-by-side", action="store_true", help="for reading: the message on the left, the event on the right"
    )
    settings.add_conversion_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Convert, and return the exit code."""
    settings.check_conversion(options)
    if not options.files and sys.stdin.isatty():
        raise InvalidSetting("convert needs FILE, or messages on standard input. See analytics-posthog convert --help")
    converter = _Converter(options)
    log.addHandler(converter.notes)
    try:
        for url in find(options.files or [STDIN]):
            converter.convert(url)
    finally:
        log.removeHandler(converter.notes)
    converter.end()
    return converter.code


def _read(url: str, shown: str, refuse: Callable[[str, str], None]) -> Iterator[Line]:
    """Yield a file's lines that aren't blank; one that can't be read, or any further, is told to `refuse`."""
    try:
        with opened(url) as file:
            for line in readable(url, file):
                if line.fault or line.text.strip():
                    yield line
    except Unreadable as error:
        refuse(shown, str(error).removeprefix(f"{url} "))


class _Converter:
    """Converts file by file; what can't be converted is said, and makes the exit code 1."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.code = 0
        self.notes = _Notes()
        self._settings: dict[str, Any] = {"group_type": options.group_type, "person_profiles": options.person_profiles}
        self._choice = Choice(None, None, frozenset(EVENTS), frozenset(), False, **self._settings)
        self._page = Page(self._event) if options.side_by_side else None
        self._unwanted = 0

    def convert(self, url: str) -> None:
        """Convert a file's lines and write what they became."""
        shown = "standard input" if url == STDIN else url
        messages = _Messages(name_of(url), self._choice)
        for line in _read(url, shown, self._refuse):
            place = self.notes.place = f"{shown}:{line.number}"
            try:
                if line.fault:
                    raise InvalidMessage(line.fault)
                messages.event(line.number, line.text)
            except InvalidMessage as error:
                self._refuse(place, str(error))
            except Skipped:
                self._unwanted += 1
            else:
                self._write(place, messages.last)

    def _write(self, place: str, message: dict[str, Any]) -> None:
        if self._page is None:
            sys.stdout.write(json.dumps(self._event(message), default=json_default) + "\n")
        else:
            self._page.show(place, message)

    def _event(self, message: dict[str, Any]) -> dict[str, Any]:
        """The event as it is sent at the call; a replay's has `$ignore_sent_at` too."""
        event = to_posthog(message, **self._settings)
        event["properties"].update(LIB)
        return event

    def _refuse(self, place: str, reason: str) -> None:
        self.code = 1
        _say(f"{place}: {reason}")

    def end(self) -> None:
        """Say what was kept back."""
        if self._unwanted:
            _say(f"note: {self._unwanted} message(s) left out: their integrations keep them from PostHog")


class _Messages(Lines):
    """What replay makes of lines, with the message of the last one: cleaned, checked, with its time and its id."""

    last: dict[str, Any]

    def _event(self, number: int, line: bytes, message: dict[str, Any]) -> LineEvent:
        self.last = message
        return super()._event(number, line, message)


class _Notes(logging.Handler):
    """Says what the conversion warns of, with the place of the first line that it is so with."""

    place = ""

    def emit(self, record: logging.LogRecord) -> None:
        _say(f"{self.place}: note: {record.getMessage()}")


def _say(text: str) -> None:
    sys.stdout.flush()  # so that both come in order where both go to a terminal
    sys.stderr.write(text + "\n")
