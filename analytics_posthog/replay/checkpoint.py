"""Saves where the replay of a file stopped: one small JSON file for each source, replaced as a whole.

What it does not do: keep messages. Lines sent after the last save are sent again, and PostHog counts them once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidSetting
from .summary import Summary

_FORMAT: Final = 1


class State:
    """The state of one source. All lines up to `line` are delivered, rejected or skipped.

    `mark` is a value for JSON that the caller wants to save too.
    """

    def __init__(self, directory: str | os.PathLike[str], what: Mapping[str, Any]) -> None:
        """`what` identifies the replay: the file, the choice of messages, the target.

        Raises InvalidSetting if the directory can't be used.
        """
        self._directory = Path(directory)
        self._source = what.get("url")
        name = sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:40]
        self._path = self._directory / f"{name}.json"
        self.line, self.done, self.summary = 0, False, Summary()
        self.mark: Any = None
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._load()
        except OSError as error:
            raise InvalidSetting(
                f"the state can't be kept in {self._directory}: {error.strerror}. Name another directory"
            ) from error

    def _load(self) -> None:
        with suppress(
            ValueError, TypeError, KeyError, AttributeError, FileNotFoundError
        ):  # damaged, as by a crash of the machine: begin at line 1
            kept = json.loads(self._path.read_bytes())
            if kept["format"] == _FORMAT:
                summary = Summary(**kept["summary"])
                self.line, self.done, self.summary = int(kept["line"]), kept["done"] is True, summary
                self.mark = kept.get("mark")

    def save(self, line: int, summary: Summary, *, done: bool = False) -> None:
        """Save how far the replay is. Raises OSError."""
        kept = {
            "format": _FORMAT,
            "source": self._source,
            "line": line,
            "done": done,
            "summary": summary.as_dict(),
            "mark": self.mark,
        }
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(beside, self._path)
        self.line, self.done, self.summary = line, done, summary
