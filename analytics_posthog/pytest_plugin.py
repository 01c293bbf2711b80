"""For pytest: put `pytest_plugins = ["analytics_posthog.pytest_plugin"]` into the top conftest.py.

Then no test sends anything or needs a key, and the fixture `captured` has the calls of a test. Tests that are meant to
send, against a server of their own, have `analytics_posthog_send = true` in pytest's settings. With
`from analytics_posthog.pytest_plugin import captured` in a conftest.py there is the fixture alone. No other file
imports pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .testing import Captured, capture, send_nothing

_SEND = "analytics_posthog_send"
_RUN = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting."""
    parser.addini(_SEND, "whether tests without the fixture `captured` may send to PostHog", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Keep anything from being sent until the run is over."""
    if not config.getini(_SEND):
        config.stash[_RUN] = ExitStack()
        config.stash[_RUN].enter_context(send_nothing())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the calls go their way again."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.close()


@pytest.fixture
def captured() -> Iterator[Captured]:
    """Keep the test's calls instead of sending them: see `analytics_posthog.testing.Captured`."""
    with capture() as calls:
        yield calls
