"""The command line: `analytics-posthog` and `python -m analytics_posthog`."""

from .main import main

__all__ = ["main"]
