"""The command `outbox`: shows what waits in an outbox, since when and why, and can send or export it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Final

from .._delivery import counted
from .._outbox import Contents, contents, messages
from .._settings import MAX_WAIT, check_number
from ..client import Client
from ..errors import InvalidSetting
from . import settings
from .plain import plain_lines

_EPILOG: Final = """\
examples:
  analytics-posthog outbox /var/lib/app/analytics
  analytics-posthog outbox /var/lib/app/analytics --send
  analytics-posthog outbox /var/lib/app/analytics --export waiting.jsonl

DIR is what the app has as its setting `outbox`. A process that runs sends its own messages. --send
sends those of processes that have ended, as the app's next process would. What is sent twice counts
once. --export writes the messages as Segment's archives have them, one a line, and removes nothing.
`replay` and `convert` read such a file.

exit codes:
  0  nothing waits, or all is done    1  messages are left, or were refused
  2  the command line is wrong
"""


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "outbox",
        help="show what waits in an outbox; send or export it",
        description="Show what waits in an outbox, since when and why; send it or export it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="the outbox")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--send", action="store_true", help="send what ended processes have left")
    what.add_argument("--export", metavar="FILE", help="write what waits to a file; - is standard output")
    what.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=60.0, help="the longest that --send takes (default: 60)"
    )
    settings.add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show, send or export; return the exit code. Raises InvalidSetting and OSError."""
    check_number("--timeout", options.timeout, more=True, most=MAX_WAIT)
    if options.export:
        return _export(options.directory, options.export)
    found = contents(options.directory)
    if options.send:
        return _send(options, found)
    if options.json:
        sys.stdout.write(json.dumps(vars(found), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(plain_lines(_shown(found)))
    return 1 if found.waiting or found.refused or found.corrupt else 0


def _shown(found: Contents) -> str:
    size = f"{found.bytes / 1024:,.0f} KiB in {counted(found.files, 'file')}"
    lines = [f"waiting: {counted(found.waiting, 'message')}{f', {size}' if found.files else ''}"]
    if found.since:
        lines.append(f"  since {found.since}")
    lines += [f"  {count:>10,}  {call}" for call, count in found.calls.most_common()]
    ended = found.waiting - found.in_use
    if found.in_use:
        why = "their processes run, and send them (some may have been sent)"
        lines.append(f"  {found.in_use:,} in use: {why}")
    if ended:
        lines.append(f"  {ended:,} of ended processes: the app's next process sends them, or --send")
    lines.append(f"refused by PostHog: {counted(sum(found.refused.values()), 'message')}")
    lines += [f"  {count:>10,}  {reason}" for reason, count in found.refused.most_common()]
    lines.append(f"in files that had lines that are no messages: {counted(found.corrupt, 'line')}")
    return "\n".join([*lines, ""])


def _export(directory: str, file: str) -> int:
    if file == "-":
        for line in messages(directory):
            sys.stdout.write(line.decode())
        return 0
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidSetting(f"--export: {file} is there already. Name a new file") from error
    count = 0
    with os.fdopen(descriptor, "wb") as output:
        for line in messages(directory):
            output.write(line)
            count += 1
    sys.stdout.write(plain_lines(f"exported: {counted(count, 'message')} to {file}\n"))
    return 0


def _send(options: argparse.Namespace, found: Contents) -> int:
    """Send as a client with this outbox does."""
    ended = found.waiting - found.in_use
    client = Client(
        settings.key(options),
        settings.host(options),
        outbox=options.directory,
        exit_timeout=0,
        max_retries=2,
    )
    if ended:
        client.flush(options.timeout)
    client.shutdown()
    left = contents(options.directory)
    delivered, refused = client.stats()["delivered"], sum(left.refused.values()) - sum(found.refused.values())
    sys.stdout.write(f"delivered: {counted(delivered, 'message')}\n")
    if refused:
        sys.stdout.write(f"refused by PostHog: {counted(refused, 'message')}\n")
    if left.waiting:
        sys.stdout.write(f"left: {counted(left.waiting, 'message')}, of which {left.in_use:,} in use by processes\n")
    return 1 if refused or left.waiting > left.in_use else 0
