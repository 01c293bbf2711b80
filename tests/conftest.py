"""What every test gets: a PostHog on loopback, a fresh module, and no skip that goes unseen."""

from __future__ import annotations

import fnmatch
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields

import pytest

from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import abandon

if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # a shell's background jobs ignore it, and so would every child of theirs
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = ["testing/team"]  # a team's own suite, which test_team_suite.py runs

# A skipped test fails the run, unless it is listed here: node id (may hold *) -> why it may be skipped.
ALLOWED_SKIPS: dict[str, str] = {}

_skipped: dict[str, str] = {}


@pytest.fixture
def posthog_server() -> Iterator[PostHogServer]:
    """A server that takes batches as PostHog does; gone, with the module's client, when the test is over."""
    with PostHogServer() as server:
        yield server
        # While the server still answers, so that nothing goes on retrying against a closed port.
        forget_default_client()
    assert not server.errors, server.errors


@pytest.fixture
def segment_server() -> Iterator[PostHogServer]:
    """A server of its own for what Segment's own client sends."""
    with PostHogServer() as server:
        yield server
    assert not server.errors, server.errors


@pytest.fixture
def dead_server() -> Iterator[PostHogServer]:
    """A server that refuses connections, on a port that nobody else gets; `with dead_server:` brings it back."""
    with PostHogServer() as server:
        server.stop()
        yield server


@pytest.fixture(autouse=True)
def _fresh_module() -> Iterator[None]:
    """Settings and default client of the module are those of a new process in each test."""
    yield
    forget_default_client()
    analytics = sys.modules.get("analytics_posthog")
    if analytics is None:
        return
    for setting in fields(analytics.Client.DefaultConfig):
        setattr(analytics, setting.name, setting.default)


def forget_default_client() -> None:
    """Ends the module's client without delivering what is left in its queue."""
    analytics = sys.modules.get("analytics_posthog")
    client = getattr(analytics, "default_client", None)
    if analytics is not None and client is not None:
        analytics.default_client = None
        abandon(client)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    _skipped[report.nodeid] = reason


def _allowed(node_id: str) -> str | None:
    return next((why for pattern, why in ALLOWED_SKIPS.items() if fnmatch.fnmatch(node_id, pattern)), None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and not all(map(_allowed, _skipped)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for node_id, reason in _skipped.items():
        why = _allowed(node_id)
        verdict = f"allowed: {why}" if why else "NOT ALLOWED, the run fails"
        terminalreporter.write_line(f"skipped {node_id}: {reason} ({verdict})", red=not why)
