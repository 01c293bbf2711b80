"""The names of an outbox's files: `<process>-<32 hex digits>` and a suffix.

An outbox touches only files with such names. Whatever else is in the directory is neither read, nor deleted, nor
counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

SUFFIX: Final = ".jsonl"
CORRUPT: Final = ".corrupt"  # had lines that are not messages
REFUSED: Final = ".refused"  # messages that PostHog has refused, each with the reason
_STEM: Final = re.compile(r"[0-9]{1,10}-[0-9a-f]{32}")


def new_name(suffix: str) -> str:
    """Return a name for a file that isn't there yet."""
    return f"{os.getpid()}-{uuid4().hex}{suffix}"


def is_ours(name: str, suffixes: Iterable[str] = (SUFFIX,)) -> bool:
    """Whether an outbox gives such a name."""
    stem, suffix = os.path.splitext(name)
    return suffix in suffixes and _STEM.fullmatch(stem) is not None


def sizes(directory: Path, suffix: str) -> Iterator[tuple[float, str, int]]:
    """Yield the time, the name and the bytes of each file of this user with such a name."""
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if not is_ours(entry.name, (suffix,)):
                continue
            with suppress(OSError):  # gone since
                found = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False) and found.st_uid == os.geteuid():
                    yield found.st_mtime, entry.name, found.st_size
