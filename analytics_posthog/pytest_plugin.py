"""The pytest fixture `captured`: `pytest_plugins = ["analytics_posthog.pytest_plugin"]` in the topmost conftest.py brings it.

So does `from analytics_posthog.pytest_plugin import captured` in any. Nothing else imports this file, or pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    """All calls of the test, kept instead of sent: see `analytics_posthog.testing.Captured`."""
    with capture() as calls:
        yield calls
