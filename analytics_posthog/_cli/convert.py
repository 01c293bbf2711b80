"""The command `convert`: reads Segment messages, and writes PostHog events or both side by side. It sends nothing."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from .._delivery import LIB, counted, log
from .._message import json_default
from ..convert import EVENTS, to_posthog
from ..errors import InvalidMessage, InvalidSetting
from ..replay import STDIN, Choice, Line, Lines, Skipped, Unreadable, find, name_of, opened, readable
from . import settings
from .plain import plain_lines
from .side_by_side import Page

_EPILOG: Final = """\
examples:
  analytics-posthog convert archive.jsonl > events.jsonl
  zcat logs/*.gz | analytics-posthog convert - | head
  analytics-posthog convert --side-by-side archive.jsonl.gz | less

FILE is a file, a directory, a glob, or an s3:// or gs:// URL with the extra [s3] or [gs].
It has one Segment message a line, like Segment's archives, gzip or not; the oldest file comes
first. Standard output gets one PostHog event a line, as the package sends it. A line that isn't a
message, or that PostHog wouldn't take, is named on standard error as file:line: reason, and the
next line follows.

With --side-by-side each part of the event is beside the part of the message that it comes from.
"(added)" marks what doesn't come from the message, "(not sent)" what isn't in the event. A
terminal gets colours if `rich` is installed: pip install 'analytics-posthog[replay]'.

exit codes:
  0  all was converted    1  some lines or files were not    2  the command line is wrong
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
    settings.check_conversion_options(options)
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
    """Yield a file's lines that aren't blank. If the file can't be read, `refuse` gets the reason."""
    try:
        with opened(url) as file:
            for line in readable(url, file):
                if line.fault or line.text.strip():
                    yield line
    except Unreadable as error:
        refuse(shown, str(error).removeprefix(f"{url} "))


class _Converter:
    """Converts file by file. A failure is written to standard error and makes the exit code 1."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.code = 0
        self.notes = _Notes()
        self._settings: dict[str, Any] = {"group_type": options.group_type, "person_profiles": options.person_profiles}
        self._choice = Choice(None, None, frozenset(EVENTS), frozenset(), frozenset(), False, **self._settings)
        self._page = Page(self._event) if options.side_by_side else None
        self._unwanted = 0

    def convert(self, url: str) -> None:
        """Convert a file's lines and write the events."""
        shown = "standard input" if url == STDIN else url
        lines = Lines(name_of(url), self._choice)
        for line in _read(url, shown, self._refuse):
            place = self.notes.place = f"{shown}:{line.number}"
            try:
                if line.fault:
                    raise InvalidMessage(line.fault)
                message, _ = lines.message_and_event(line.number, line.text)
            except InvalidMessage as error:
                self._refuse(place, str(error))
            except Skipped:
                self._unwanted += 1
            else:
                self._write(place, message)

    def _write(self, place: str, message: dict[str, Any]) -> None:
        if self._page is None:
            sys.stdout.write(json.dumps(self._event(message), default=json_default) + "\n")
        else:
            self._page.show(place, message)

    def _event(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the event as a call sends it; a replay's event has `$ignore_sent_at` too."""
        event = to_posthog(message, **self._settings)
        event["properties"].update(LIB)
        return event

    def _refuse(self, place: str, reason: str) -> None:
        self.code = 1
        _say(f"{place}: {reason}")

    def end(self) -> None:
        """Write how many messages were left out."""
        if self._unwanted:
            _say(f"note: {counted(self._unwanted, 'message')} left out: their integrations keep them from PostHog")


class _Notes(logging.Handler):
    """Writes the warnings of the conversion, each with the place of the line."""

    place = ""

    def emit(self, record: logging.LogRecord) -> None:
        _say(f"{self.place}: note: {record.getMessage()}")


def _say(text: str) -> None:
    sys.stdout.flush()  # so that a terminal shows both in order
    sys.stderr.write(plain_lines(text) + "\n")
