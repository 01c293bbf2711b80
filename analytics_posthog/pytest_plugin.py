"""The pytest fixture `captured`: put `pytest_plugins = ["analytics_posthog.pytest_plugin"]` into the top conftest.py.

Or import it in any conftest.py: `from analytics_posthog.pytest_plugin import captured`. No other file imports pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    """Keep the test's calls instead of sending them: see `analytics_posthog.testing.Captured`."""
    with capture() as calls:
        yield calls
