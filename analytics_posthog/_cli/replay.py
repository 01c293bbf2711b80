"""The command `replay`: sends archives of Segment messages to PostHog, oldest first. Can be stopped and continued."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from ..errors import DeliveryError, InvalidSetting
from ..replay import (
    DEFAULT_RATE,
    Choice,
    Interrupted,
    PacedSender,
    Replay,
    Unreadable,
    check_pace,
    checked_choice,
    find,
)
from .progress import Progress
from .replay_summary import print_json, print_summary, say_rejected, say_unused
from .settings import add_conversion_options, add_options, check_conversion_options, host, key

REJECTS: Final = "rejects.jsonl"
_CONTINUE: Final = "Run the same command again to continue where it stopped"

_DESCRIPTION: Final = """\
Send archives of Segment messages to PostHog, oldest first. A line is a message as JSON; gzip
is recognised. Each event keeps its time, and its uuid comes from the messageId: what PostHog
has already, from dual running or an earlier replay, is counted once.
"""
_EPILOG: Final = """\
examples:
  analytics-posthog replay --dry-run archive/
  analytics-posthog replay archive/
  analytics-posthog replay 's3://bucket/segment-logs/' --since 2023-01-01 --until 2025-01-01
  analytics-posthog replay 'archive/**/*.gz' --only track,identify --skip-events "Heartbeat,Debug"
  zcat old.gz | analytics-posthog replay -

After Ctrl-C, SIGTERM, kill -9 or a dead server, run the same command again. It continues where it
stopped. What is sent twice counts once. Only standard input (-) is read from its beginning again.
A later run with a later --until sends only what is new. The state is kept for each user, so you may
start the command in any directory. Use a state directory for one command at a time.

A line that can't be sent goes to the rejects file with its file, number and reason. The other lines
are sent. s3:// needs pip install 'analytics-posthog[s3]', gs:// the extra [gs].

An archive also holds what Segment's Destination Filters and Consent Management kept from PostHog:
neither acts on it. Leave it out with --skip-events and --require-consent. The dry run counts the
messages with a consent object, and those that say no.

With --set-once, traits become $set_once, so that old ones don't overwrite what PostHog knows of a
person by now. PostHog has no $set_once for groups: traits of group calls overwrite. To leave group
calls out, name the other calls with --only.

exit codes: 0 all was delivered or skipped; 1 something was rejected or failed; 2 the command
line or a setting is wrong; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""


def add_to(subcommands: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "replay",
        help="send archives of Segment messages to PostHog",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="files, directories, globs, s3:// and gs:// URLs, or - for standard input",
    )
    _add_choices(add)
    add(
        "--rate",
        metavar="N",
        type=float,
        default=DEFAULT_RATE,
        help="the most events a second, 0 for no limit (default: %(default)s)",
    )
    add(
        "--max-retries",
        metavar="N",
        type=int,
        default=10,
        help="tries after a failed one; 10 take about 3 minutes (default: %(default)s)",
    )
    add("--dry-run", action="store_true", help="count what would be sent and refused; send and write nothing")
    add("--json", action="store_true", help="the summary as JSON")
    add("--quiet", action="store_true", help="without a bar or lines about the progress")
    _add_files(add)
    add_conversion_options(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def _add_files(add: Callable[..., argparse.Action]) -> None:
    """Add the options for what is written."""
    add(
        "--rejects",
        metavar="FILE",
        default=REJECTS,
        help="the file for lines that can't be sent (default: %(default)s)",
    )
    add(
        "--state",
        metavar="DIR",
        default=state_directory(),
        help="the directory for how far each file is (default: %(default)s)",
    )


def _add_choices(add: Callable[..., argparse.Action]) -> None:
    """Add the options that say which messages are sent, and how."""
    add("--since", metavar="TIME", help="only messages from this time on: 2024-05-31 or 2024-05-31T12:00:00Z")
    add("--until", metavar="TIME", help="only messages before this time; a date means its midnight in UTC")
    add("--only", metavar="CALLS", default="", help="only these calls, such as track,identify")
    add(
        "--skip-events",
        metavar="NAMES",
        default="",
        help="leave out track calls with these event names, separated by commas; 'Debug *' is a pattern",
    )
    add(
        "--require-consent",
        metavar="CATEGORIES",
        default="",
        help="only messages whose context.consent says yes to these categories, such as Analytics",
    )
    add("--set-once", action="store_true", help="old traits don't overwrite newer ones; see below")


def run(options: argparse.Namespace) -> int:
    """Replay or, in a dry run, count; return the exit code. Raises InvalidSetting for a wrong option, and OSError."""
    choice = _choice(options)
    stop = threading.Event()
    check_pace(options.rate, options.max_retries)
    sender = None
    if not options.dry_run:
        sender = PacedSender(key(options), host(options), rate=options.rate, max_retries=options.max_retries, stop=stop)
    files = find(options.sources, exclude=[options.rejects, options.state])
    kept = {"state": options.state, "rejects": options.rejects}
    with Progress(files, quiet=options.quiet) as progress, _signals(stop) as stopped_by, _few_collections():
        replay = Replay(choice, sender, on_portion=progress.update, stop=stop, **kept)
        replay.check()
        code = _replay_all(files, replay, progress)
    if options.json:
        print_json(progress, options)
    else:
        print_summary(progress, options)
    say_rejected(progress.summary, options)
    say_unused(choice, progress.summary, stopped=bool(stopped_by))
    return 128 + stopped_by[0] if stopped_by else code


def state_directory() -> str:
    """Return the user's directory for states, so that it is the same from wherever the command is started.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    place = os.environ.get("XDG_STATE_HOME", "")
    base = place if os.path.isabs(place) else os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "analytics-posthog", "replay")


def _choice(options: argparse.Namespace) -> Choice:
    """Return the choice of messages. Raises InvalidSetting, which names the option."""
    check_conversion_options(options)
    try:
        return checked_choice(
            (options.since, options.until),
            _names(options.only),
            _names(options.skip_events),
            _names(options.require_consent),
            set_once=options.set_once,
            group_type=options.group_type,
            person_profiles=options.person_profiles,
        )
    except InvalidSetting as error:
        raise InvalidSetting(f"--{error}") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _replay_all(files: list[str], replay: Replay, progress: Progress) -> int:
    """Replay file after file; return the exit code."""
    code = 0
    for file in files:
        try:
            earlier, done = replay.earlier(file)
            progress.begin(earlier)
            if not done:
                replay.run(file)
            progress.end(file, earlier=done)
        except Unreadable as error:
            progress.say(f"{error}. Run the same command again to retry it")
            progress.end(file)
            code = 1
        except Interrupted:
            progress.say(f"stopped. {_CONTINUE}")
            return 1
        except (DeliveryError, OSError) as error:
            why = error if isinstance(error, DeliveryError) else f"{error.filename}: {error.strerror}"
            progress.say(f"error: {why}. {_CONTINUE}")
            return 1
    return 1 if progress.summary.rejected else code


@contextmanager
def _few_collections() -> Iterator[None]:
    """Collect garbage less often: messages are many, and have no reference cycles."""
    threshold = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()


@contextmanager
def _signals(stop: threading.Event) -> Iterator[list[int]]:
    """On the first SIGINT or SIGTERM, set `stop` and note the signal; the second acts as without us."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    earlier: Mapping[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in earlier.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    for number, handler in earlier.items():
        if handler is not signal.SIG_IGN:  # nohup ignores a signal on purpose
            signal.signal(number, handle)
    try:
        yield received
    finally:
        restore()
