"""Whatever comes from outside is taken or refused, and never does anything else."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_posthog import Client, InvalidMessage
from analytics_posthog._inspector.body import Refused, read_events
from analytics_posthog._outbox.file import OutboxFile
from analytics_posthog._outbox.line import from_line
from analytics_posthog.replay.choice import Skipped, checked_choice
from analytics_posthog.replay.event import LineEvent, Lines
from analytics_posthog.replay.lines import lines

# `FUZZ_EXAMPLES=10000` takes a minute and more for each.
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "300")), deadline=None, suppress_health_check=list(HealthCheck)
)
TEXT = st.text(st.characters(), max_size=20)  # lone surrogates, too
NUMBERS = st.one_of(st.integers(), st.floats(), st.just(10**400))
VALUES: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXT, inner, max_size=5)),
    max_leaves=25,
)
FIELDS = ("type", "userId", "anonymousId", "event", "properties", "traits", "context", "timestamp", "messageId")
MESSAGES = st.one_of(
    VALUES,
    st.dictionaries(st.sampled_from([*FIELDS, "groupId", "previousId", "integrations", "batch"]), VALUES),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["track", "identify", "group", "alias", "page", "screen"])},
        optional=dict.fromkeys(FIELDS[1:], VALUES),
    ),
)


def damaged(data: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
    for place, more in cuts:
        at = place % (len(data) + 1)
        data = data[:at] + more + data[at + len(more) // 2 :]
    return data


BYTES = st.builds(
    damaged,
    st.one_of(st.binary(max_size=300), MESSAGES.map(lambda value: json.dumps(value).encode())),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), max_size=3),
)


@FUZZ
@given(BYTES)
def test_a_line_of_an_archive(line: bytes) -> None:
    choice = checked_choice(
        (None, None), None, (), set_once=False, group_type="segment_group", person_profiles="always"
    )
    try:
        event = Lines("name", choice).event(1, line)
    except (InvalidMessage, Skipped):
        return
    assert isinstance(event, LineEvent)
    assert json.loads(event.text)["distinct_id"]


@FUZZ
@given(st.binary(max_size=400), st.booleans())
def test_an_archive(content: bytes, zipped: bool) -> None:
    data = gzip.compress(content) if zipped else content
    found = list(lines(io.BytesIO(data), 0))
    assert [line.number for line in found] == sorted({line.number for line in found})


@FUZZ
@given(BYTES, st.sampled_from(["", "gzip", "deflate", "br"]), st.booleans())
def test_a_body_that_the_inspector_gets(body: bytes, encoding: str, zipped: bool) -> None:
    status = 0
    try:
        assert read_events(gzip.compress(body) if zipped else body, encoding)
    except Refused as error:
        status = error.status
    assert status == 0 or 400 <= status < 500


@FUZZ
@given(st.lists(BYTES, max_size=5))
def test_a_file_of_the_outbox(parts: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"1-{1:032x}.jsonl"
        path.write_bytes(b"\n".join(parts))
        file = OutboxFile.take_over(path)
        found = [from_line(file.line(offset)) for offset in file.kept]
        file.close(remove=True)
    assert all(message is None or isinstance(message, dict) for message in found)


@FUZZ
@given(st.dictionaries(TEXT, VALUES, max_size=5), st.dictionaries(TEXT, VALUES, max_size=3), TEXT)
def test_a_message(properties: dict[str, Any], context: dict[str, Any], name: str) -> None:
    client = Client("phc_key", send=False)
    _, message = client.track("u1", name, properties, context)
    json.dumps(message).encode()
