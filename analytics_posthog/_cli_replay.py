"""Stand-in for the command `replay`."""

from __future__ import annotations

import argparse


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "replay", help="bring Segment archives into PostHog", description="Bring Segment archives into PostHog."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do nothing."""
    return 2
