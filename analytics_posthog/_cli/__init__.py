"""The command line: `analytics-posthog` and `python -m analytics_posthog`."""

from .check import check_settings
from .main import main

__all__ = ["check_settings", "main"]
