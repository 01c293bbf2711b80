"""Random files go through `migrate` without an error; `python -m tests.migrate.random_files` has thousands of them."""

from __future__ import annotations

from collections import Counter

from tests.migrate import random_files


def test_random_files_change_where_segment_is_named_and_nowhere_else() -> None:
    found: Counter[str] = random_files.run(120, seed=7)
    assert found["changed"] > 20
    assert found["left"] < 80
