"""Saves how far the replay of a file is: one small JSON file for each source, replaced as a whole.

What it does not do: keep messages. Lines sent after the last save are sent again, and PostHog counts them once.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidSetting
from .sent import NOTHING_SENT, Sent
from .summary import Summary

_FORMAT: Final = 2


class State:
    """The state of one source: what was `sent`, and whether its end was reached (`done`).

    `mark` is a value for JSON that the caller wants to save too.
    """

    def __init__(self, directory: str | os.PathLike[str], what: Mapping[str, Any]) -> None:
        """`what` identifies the replay: the file, the choice of messages, the target.

        Raises InvalidSetting if the directory can't be used.
        """
        self._source = what.get("url")
        self._path = _path(directory, what)
        self.sent, self.done, self.summary = NOTHING_SENT, False, Summary()
        self.mark: Any = None
        check_directory(directory)
        try:
            self._load()
        except OSError as error:
            raise _no_state(directory, error) from error

    def is_whole(self, until: datetime | None) -> bool:
        """Whether a run with this `until` has nothing to send."""
        return self.done and self.sent.first_to_read(until) >= self.sent.last

    def _load(self) -> None:
        with suppress(
            ValueError, TypeError, KeyError, AttributeError, FileNotFoundError
        ):  # damaged, as by a crash of the machine: begin at line 1
            kept = json.loads(self._path.read_bytes())
            if kept["format"] == _FORMAT:
                summary = Summary(**kept["summary"])
                self.sent, self.done, self.summary = Sent.from_json(kept["sent"]), kept["done"] is True, summary
                self.mark = kept.get("mark")

    def save(self, sent: Sent, summary: Summary, *, done: bool) -> None:
        """Save how far the replay is. Raises OSError."""
        kept = {
            "format": _FORMAT,
            "source": self._source,
            "sent": sent.as_json(),
            "done": done,
            "summary": summary.as_dict(),
            "mark": self.mark,
        }
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(beside, self._path)
        self.sent, self.done, self.summary = sent, done, summary


def exists(directory: str | os.PathLike[str], what: Mapping[str, Any]) -> bool:
    """Whether there is a state of this replay."""
    return _path(directory, what).exists()


def check_directory(directory: str | os.PathLike[str]) -> None:
    """Make the directory if it isn't there. Raises InvalidSetting if no state can be kept in it."""
    try:
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise _no_state(directory, error) from error


def _path(directory: str | os.PathLike[str], what: Mapping[str, Any]) -> Path:
    return Path(directory) / f"{sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:40]}.json"


def _no_state(directory: str | os.PathLike[str], error: OSError) -> InvalidSetting:
    return InvalidSetting(
        f"the state can't be kept in {os.fspath(directory)}: {error.strerror}. Name another directory"
    )
