"""Keeps what Segment's request module logs for us out of the app's log: whole messages, with the key."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class _Silence(logging.Filter):
    """A filter of the logger `segment`. It drops nothing else: an app may use Segment's client beside us."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        return threading.get_ident() not in self.threads


_silence: Final = _Silence()


@contextmanager
def silence() -> Iterator[None]:
    """Drop what Segment's request module logs in this thread in the block."""
    thread = threading.get_ident()
    logging.getLogger("segment").addFilter(_silence)  # once; harmless again
    _silence.threads.add(thread)
    try:
        yield
    finally:
        _silence.threads.discard(thread)
