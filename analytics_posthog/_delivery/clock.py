"""The time that waits are measured with."""

from __future__ import annotations

import time
from typing import Final

_CLOCK: Final = getattr(time, "CLOCK_MONOTONIC", None)


def now() -> float:
    """Return the seconds of a clock that only goes forward, also while a test has frozen `time.monotonic`."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
