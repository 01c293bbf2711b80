"""Random faults from a seed: each accepted message arrives once, or is reported. `python -m tests.soak` runs longer."""

from __future__ import annotations

import pytest

from tests.soak.__main__ import soak


@pytest.mark.parametrize("seed", [11, 12])
def test_nothing_is_lost_and_nothing_counts_twice(seed: int) -> None:
    found = soak(seed, 6)
    assert found["accepted"] > 500, found
    assert (found["lost"], found["twice"], found["outbox emptied"], found["files left"]) == ([], [], True, 0), found
