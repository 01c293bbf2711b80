"""Finds every use of Segment's SDK in an app's code, says what becomes of it, and changes it.

`analytics-posthog migrate` is the command. Read in this order: `files`, `source`, `names` (what stands for Segment's
SDK), `scan` (a file from top to bottom), `calls`, `values` and `risks` (the audit), `imports`, `settings`, `strings`
and `requirements` (the changes), `app` (all files of an app). Nothing of the app is imported or run.
"""

from .app import App, Change, read_app
from .calls import CallSite
from .files import check_clean, find_files, write
from .plan import PlannedEvent, plan_of
from .risks import Risk
from .sites import Site

__all__ = [
    "App",
    "CallSite",
    "Change",
    "PlannedEvent",
    "Risk",
    "Site",
    "check_clean",
    "find_files",
    "plan_of",
    "read_app",
    "write",
]
