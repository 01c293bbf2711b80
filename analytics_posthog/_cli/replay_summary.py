"""What a replay prints when it is over."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Mapping

from ..replay import CONSENT, REFUSAL, SKIPPED_EVENT, Choice, Summary
from .plain import plain_lines
from .progress import Progress


def say_rejected(summary: Summary, options: argparse.Namespace) -> None:
    """Say where the rejected lines are."""
    if summary.rejected and not options.dry_run:
        count = sum(summary.rejected.values())
        words = "line was" if count == 1 else "lines were"
        sys.stderr.write(plain_lines(f"{count:,} {words} rejected, see {options.rejects}\n"))


def say_unused(choice: Choice, summary: Summary, *, stopped: bool) -> None:
    """Name the events of --skip-events that didn't occur: a misspelled one would be sent."""
    for pattern in [] if stopped else sorted(choice.skip_events):
        if f"{SKIPPED_EVENT}{pattern}" not in summary.skipped:
            near = difflib.get_close_matches(pattern, list(summary.events), 1)
            hint = f"; there is {near[0]!r}" if near else ""
            sys.stderr.write(plain_lines(f"--skip-events: no event is named {pattern!r}{hint}\n"))


def print_json(progress: Progress, options: argparse.Namespace) -> None:
    """Write the same as one JSON object: `delivered` in this run, `sent_before`, and the counts of all runs."""
    summary, (count, seconds) = progress.summary, progress.speed
    runs = {**summary.as_dict(), "delivered": count, "sent_before": summary.delivered - count}
    sys.stdout.write(json.dumps({**runs, "seconds": round(seconds, 3), "dry_run": options.dry_run}) + "\n")


def print_summary(progress: Progress, options: argparse.Namespace) -> None:
    """Write what was sent, skipped and rejected, in this run and before."""
    summary, (count, seconds) = progress.summary, progress.speed
    say = sys.stdout.write
    say(f"{'would be sent' if options.dry_run else 'delivered'}: {count:,}\n")
    before = summary.delivered - count
    if before:
        say(f"sent before: {before:,}\n")
    _print_counts(summary.calls)
    if options.dry_run:
        say("as events:\n")
        _print_counts(summary.events)
    if options.dry_run or summary.consent:
        say(f"with a consent object: {summary.consent.get(CONSENT, 0):,}\n")
        say(f"  of them with a no to a category: {summary.consent.get(REFUSAL, 0):,}\n")
    if summary.first:
        say(f"first: {summary.first}\nlast: {summary.last}\n")
    for name, counts in (
        ("skipped", summary.skipped),
        ("would be rejected" if options.dry_run else "rejected", summary.rejected),
    ):
        say(f"{name}: {sum(counts.values()):,}\n")
        _print_counts(counts)
    if options.dry_run and options.rate:
        say(f"estimated duration: {_duration(summary.delivered / options.rate)} at {options.rate:,g} events/s\n")
        return
    say(f"{seconds:,.1f} s" + (f", {count / max(seconds, 1e-3):,.0f} events/s\n" if count else "\n"))


def _print_counts(counts: Mapping[str, int]) -> None:
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        sys.stdout.write(f"  {count:>12,}  {name if name.isprintable() else ascii(name)}\n")


def _duration(seconds: float) -> str:
    days, rest = divmod(round(seconds), 86400)
    return (f"{days} d " if days else "") + f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
