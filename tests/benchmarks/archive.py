"""Makes an archive like Segment's on S3: gzip files with a JSON message a line.

The files are below `segment-logs/<source>/<day in ms>/`.

`python -m tests.benchmarks.archive DIR --messages N --files N`. The same arguments make the same archive. The message
with number n has the messageId `message_id(n)`, so what must arrive is known without a list.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .events import segment_arguments

_CALLS = ("track", "track", "track", "track", "track", "track", "identify", "page", "screen", "group", "track", "page")
_NAMES = {"user_id": "userId", "previous_id": "previousId", "group_id": "groupId"}
_BEGIN = datetime(2023, 1, 1, tzinfo=timezone.utc)
_STEP = timedelta(seconds=30)
_DAY = timedelta(days=1)
_POSTHOG = uuid.uuid5(uuid.UUID(int=0), "PostHog")


def message_id(number: int) -> str:
    """The messageId of a message."""
    return f"message-{number}"


def message(number: int) -> dict[str, Any]:
    """A message as Segment keeps it: what the client sent, and the fields that Segment adds."""
    call = _CALLS[number % len(_CALLS)]
    moment = _BEGIN + _STEP * number
    said = {_NAMES.get(key, key): value for key, value in segment_arguments(call, number).items()}
    said["context"] = {**said["context"], "library": {"name": "analytics-python", "version": "2.3.2"}}
    return {
        "anonymousId": None,
        "channel": "server",
        "integrations": {},
        "messageId": message_id(number),
        "originalTimestamp": _text(moment),
        "projectId": "hZ3kPqWv7",
        "receivedAt": _text(moment + timedelta(seconds=2)),
        "sentAt": _text(moment + timedelta(seconds=1)),
        "timestamp": _text(moment),
        "type": call,
        "version": 2,
        **said,
    }


def write(directory: Path, messages: int, files: int) -> None:
    """Write the archive of the messages 0 to `messages` - 1, in so many files."""
    share = -(-messages // files)
    for first in range(0, messages, share):
        begin = _BEGIN + _STEP * first
        day = int(datetime(begin.year, begin.month, begin.day, tzinfo=timezone.utc).timestamp() * 1000)
        path = directory / "segment-logs" / "hZ3kPqWv7" / str(day) / f"{int(begin.timestamp() * 1000)}.{first:08d}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as file:
            file.writelines(
                json.dumps(message(number)).encode() + b"\n" for number in range(first, min(first + share, messages))
            )


def uuids(messages: int) -> Iterator[bytes]:
    """The uuid of each event that must arrive."""
    return (str(uuid.uuid5(_POSTHOG, message_id(number))).encode() for number in range(messages))


def digest(found: Iterable[bytes]) -> str:
    """A hash of a set of uuids."""
    return hashlib.sha256(b"".join(sorted(set(found)))).hexdigest()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.archive", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=200)
    options = parser.parse_args()
    write(options.directory, options.messages, options.files)


if __name__ == "__main__":
    main()
