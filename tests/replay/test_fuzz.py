"""Ten thousand mutated lines: none crashes the replay, and each is delivered or rejected with a reason."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from analytics_posthog.replay import replay_file
from tests.support.posthog_server import PostHogServer
from tests.support.replays import KEY, message, rejects, write

CALLS = ("track", "identify", "page", "screen", "group", "alias")
ODD: list[Any] = [
    None, True, False, 0, -1, 1e308, 10**30, 10**400, "", " ", "x", "\x00", "\ud800", "\U0001f600", "NaN",
    [], [[]], {}, {"a": {"b": []}}, "2024-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00",
    float("nan"), float("inf"), ["a", 1, None], {"": None},
]  # fmt: skip
FIELDS = (
    "type", "userId", "anonymousId", "messageId", "timestamp", "event", "name", "category", "properties", "traits",
    "context", "integrations", "groupId", "previousId", "originalTimestamp", "posthog",
)  # fmt: skip
CONTEXT = ("page", "os", "device", "campaign", "ip", "groupId", "active", "library", "userAgent", "screen")
OWN = ("url", "utm_name", "browser", "$groups", "$set", "$session_id", "distinct_id", "$ip", "groupType", "$lib")


def mutated(chance: random.Random, number: int) -> bytes:
    """A line that may still be a message."""
    made = message(number, chance.choice(CALLS), userId=f"user-{number}")
    kind = chance.randrange(7)
    if kind < 4:
        for _ in range(chance.randrange(1, 4)):
            where = chance.randrange(4)
            if where < 2:
                made[chance.choice(FIELDS)] = chance.choice(ODD)
            elif where == 2 and isinstance(made.get("context"), dict):
                made["context"][chance.choice(CONTEXT)] = chance.choice(ODD)
            elif isinstance(made.get("properties"), dict):
                made["properties"][chance.choice(OWN)] = chance.choice(ODD)
        line = json.dumps(made, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")
    else:
        line = bytearray(json.dumps(made).encode())
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(line))
            line[place : place + chance.randrange(0, 4)] = chance.randbytes(chance.randrange(0, 4))
    if kind == 5:
        line = line[: chance.randrange(len(line))]
    if kind == 6 and chance.random() < 0.3:
        line = chance.randbytes(chance.randrange(1, 300))
    if chance.random() < 0.003:
        line = (
            json.dumps({**made, "properties": {"deep": None}}).encode().replace(b"null", b"[" * 5000 + b"]" * 5000, 1)
        )
    if chance.random() < 0.0005:
        line = json.dumps({**made, "text": "x" * 2_000_000, "properties": {"text": "y" * 1_000_000}}).encode()
    return bytes(line).replace(b"\n", b" ").replace(b"\r", b" ") or b"x"


def test_each_of_ten_thousand_mutated_lines_is_delivered_or_rejected_with_a_reason(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    chance = random.Random(20241101)
    lines = [mutated(chance, number) + b"\n" for number in range(10_000)]
    lines[5000] = b'{"type": "track", "text": "' + b"x" * 17_000_000 + b'"}\n'
    path = write(tmp_path / "a.gz", lines)
    summary = replay_file(
        str(path), write_key=KEY, host=posthog_server.url, rejects=tmp_path / "r.jsonl", rate=0, max_retries=0
    )
    found = rejects(tmp_path / "r.jsonl")
    blank = sum(line.isspace() for line in lines)
    assert summary.delivered == len(posthog_server.events)
    assert summary.delivered + len(found) + sum(summary.skipped.values()) + blank == 10_000
    assert all(reject["reason"] for reject in found)
    assert [reject["line"] for reject in found] == sorted({reject["line"] for reject in found})
    assert sum(summary.rejected.values()) == len(found)
    assert 2000 < summary.delivered < 8000
    assert {reject["line"] for reject in found} >= {5001}
    assert not [reason for reason in summary.rejected if "can't be converted" in reason], summary.rejected
