"""`manage.py analytics_check`: `analytics-posthog check` with the app's own key and host."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import analytics_posthog

from ....._cli import check_settings
from ... import configuration


class Command(BaseCommand):
    """Says whether key, host and the way to PostHog are right, by sending one test event."""

    help = "Tell whether key, host and the way to PostHog are right, by sending one test event."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Called by Django."""
        parser.add_argument("--no-event", action="store_true", help="send no event, and no key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Called by Django. Raises CommandError if something is wrong."""
        key, host = analytics_posthog.write_key, analytics_posthog.host
        if check_settings(key, host, configuration.NAME, options["no_event"]):
            raise CommandError("the check failed")
