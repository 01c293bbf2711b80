"""One replay of an archive, in its own process: `guide` as PostHog's migration guides show it, `ours` by the command.

Prints the number of events, and, from the first line until the last answer, the process's CPU time and the time passed.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

KEY = "phc_benchmark"
_NAMES = {"identify": "$identify", "page": "$pageview", "screen": "$screen", "group": "$groupidentify"}


def guide(directory: str, host: str) -> int:
    """A loop over the lines with `capture()` and historical_migration, as in the guide for Amplitude.

    It sends all that an event has. The queue holds all events: a full one drops events when the network is slow.
    """
    from posthog import Posthog

    client = Posthog(KEY, host=host, historical_migration=True, max_queue_size=10_000_000)
    count = 0
    for path in sorted(Path(directory).rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                message = json.loads(line)
                client.capture(
                    message.get("event") or _NAMES[message["type"]],
                    distinct_id=message["userId"],
                    properties=_properties(message),
                    timestamp=datetime.fromisoformat(message["timestamp"].replace("Z", "+00:00")),
                )
                count += 1
    client.shutdown()
    return count


def _properties(message: dict[str, Any]) -> dict[str, Any]:
    """The event's own properties, all other fields that say something of it, and the traits."""
    properties = {**message.get("properties", {}), **message["context"], "$geoip_disable": True}
    if message["type"] == "identify":
        properties["$set"] = message["traits"]
    if message["type"] == "group":
        properties |= {
            "$group_type": "segment_group",
            "$group_key": message["groupId"],
            "$group_set": message["traits"],
        }
    return properties


def ours(directory: str, host: str) -> int:
    """The command, with its state and its summary."""
    from analytics_posthog._cli.main import main as command

    said = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work, contextlib.redirect_stdout(said):
        os.environ["POSTHOG_PROJECT_API_KEY"] = KEY
        options = ["--host", host, "--rate", "0", "--state", f"{work}/state", "--rejects", f"{work}/rejects.jsonl"]
        if command(["replay", directory, *options]):
            raise RuntimeError(said.getvalue())
    return int(said.getvalue().split("\n")[0].partition(": ")[2].replace(",", ""))


def main() -> None:
    name, directory, host = sys.argv[1:]
    import posthog  # noqa: F401  # what is imported is measured for neither

    import analytics_posthog._cli.main  # noqa: F401

    replay = {"guide": guide, "ours": ours}[name]
    begin, cpu = time.perf_counter(), time.process_time()
    count = replay(directory, host)
    print(json.dumps({"events": count, "cpu": time.process_time() - cpu, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
