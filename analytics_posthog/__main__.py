"""`python -m analytics_posthog` is the command line, as `analytics-posthog` is."""

from __future__ import annotations

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
