"""A server that is away for 3 or for 30 seconds costs no event. Both have begun in test_exit.py, if that is run too."""

from __future__ import annotations

import pytest

from tests.support.server_away import CALLS, begun


@pytest.mark.parametrize("seconds", [3, 30])
def test_nothing_is_lost_while_the_server_is_away(seconds: int) -> None:
    said, users, uuids = begun(seconds).result(timeout=90)
    assert said == f"True {{'accepted': {CALLS}, 'delivered': {CALLS}, 'failed': 0, 'refused': 0, 'queued': 0}}\n"
    assert users == [f"u{number:03}" for number in range(CALLS)]
    assert len(uuids) == CALLS
