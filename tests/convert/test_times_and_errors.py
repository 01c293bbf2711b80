"""The time of an event is in UTC. A message that can't be converted raises InvalidMessage, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog import InvalidMessage
from analytics_posthog.convert import to_posthog
from tests.convert.test_convert import event, message


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2026-01-02T03:04:05.678+00:00", "2026-01-02T03:04:05.678+00:00"),
        ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02T03:04:05.678+05:30", "2026-01-01T21:34:05.678+00:00"),
        ("2026-01-01T20:04:05-07:00", "2026-01-02T03:04:05.000+00:00"),
        ("2026-01-02T03:04:05.678901+01:00", "2026-01-02T02:04:05.678901+00:00"),
        ("2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678"),
        ("0001-01-01T00:00:00.000+05:00", "0001-01-01T00:00:00.000+05:00"),
        ("yesterday", "yesterday"),
        (5, 5),
    ],
)
def test_a_timestamp_is_sent_in_utc(given: Any, sent: Any) -> None:
    assert to_posthog(message(timestamp=given)) == {**event(), "timestamp": sent}


UNCONVERTIBLE: dict[str, Any] = {
    "a number of 5,000 digits as userId": message(userId=10**5000),
    "one as messageId": message(messageId=10**5000),
    "one as previousId": message("alias", previousId=10**5000),
}


@pytest.mark.parametrize("given", UNCONVERTIBLE.values(), ids=UNCONVERTIBLE)
def test_what_cannot_be_converted_raises_invalid_message(given: dict[str, Any]) -> None:
    text = rf"^{given['type']}: the message can't be converted \(ValueError\)$"
    with pytest.raises(InvalidMessage, match=text):
        to_posthog(given)


@pytest.mark.parametrize("given", [None, [], "track", 5], ids=str)
def test_what_is_no_dict_raises_invalid_message(given: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"^not a Segment message"):
        to_posthog(given)


def test_a_lone_surrogate_in_a_message_id_counts_as_u_fffd() -> None:
    assert to_posthog(message(messageId="a\ud800b\U0001f600")) == to_posthog(message(messageId="a\ufffdb\U0001f600"))
