"""PostHog's table of events in a ClickHouse without a server: `python -m tests.support.clickhouse FILE`.

FILE holds `events`, in the order of their arrival, and a `query` in ClickHouse's SQL. Prints the rows that the query
gives as long as every copy is there, and those that it gives after ClickHouse has merged them. It is a process of its
own because ClickHouse starts threads, which a test that forks must not have.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.support.child_process import run_python

# As PostHog's, with the columns that the guide's queries read: posthog/models/event/sql.py, `EVENTS_TABLE_SQL`. There
# `_timestamp`, the time of arrival, says which copy is the latest.
TABLE = """
CREATE TABLE events (uuid UUID, event String, distinct_id String, timestamp DateTime64(6, 'UTC'), properties String,
    arrived UInt64)
ENGINE = ReplacingMergeTree(arrived)
ORDER BY (toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))
"""
# Without the first setting an insert would merge its own rows.
INSERT = (
    "INSERT INTO events SETTINGS optimize_on_insert = 0, date_time_input_format = 'best_effort' FORMAT JSONEachRow "
)

Rows = list[dict[str, Any]]


def results(query: str, events: list[dict[str, Any]], directory: Path) -> tuple[Rows, Rows]:
    """The query's rows before and after ClickHouse merges copies. The directory gets its files."""
    file = Path(mkdtemp(dir=directory)) / "clickhouse.json"
    file.write_text(json.dumps({"query": query, "events": events}))
    done = run_python("-m", "tests.support.clickhouse", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    before, after = json.loads(done.stdout)
    return before, after


def _row(number: int, event: dict[str, Any]) -> dict[str, Any]:
    columns = {name: event[name] for name in ("uuid", "event", "distinct_id", "timestamp")}
    return {**columns, "properties": json.dumps(event["properties"]), "arrived": number}


def _main(file: Path) -> None:
    from chdb.session import Session  # here, so that it isn't loaded where `results` is called

    given = json.loads(file.read_text())
    session = Session(str(file.with_suffix(".tables")))
    session.query(TABLE)
    session.query("SYSTEM STOP MERGES events")
    session.query(INSERT + "\n".join(json.dumps(_row(*event)) for event in enumerate(given["events"])))
    before = _rows(session, given["query"])
    session.query("SYSTEM START MERGES events")
    session.query("OPTIMIZE TABLE events FINAL")
    print(json.dumps([before, _rows(session, given["query"])]))


def _rows(session: Any, query: str) -> Rows:
    return [json.loads(line) for line in str(session.query(query, "JSONEachRow")).splitlines()]


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
