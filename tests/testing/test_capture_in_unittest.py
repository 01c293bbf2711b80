"""Captures in unittest, and the fixture: opted into by one line, paid for by nobody else."""

from __future__ import annotations

import unittest
from contextlib import ExitStack
from pathlib import Path

import pytest

from analytics_posthog import track
from analytics_posthog.testing import capture
from tests.support.child_process import run_python
from tests.support.suite_process import run_suite


class WithUnittest(unittest.TestCase):
    """The same in unittest, on every Python."""

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.captured = stack.enter_context(capture())

    def test_a_call(self) -> None:
        track("u1", "Bought", {"price": 5})
        self.captured.assert_tracked("Bought", properties={"price": 5}, times=1)

    def test_another_call(self) -> None:
        track("u1", "Sold")
        with pytest.raises(AssertionError, match="event: expected 'Bought', got 'Sold'"):
            self.captured.assert_tracked("Bought")


def test_unittest_needs_no_pytest_and_shows_no_frame_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(UNITTEST)
    done = run_python("-W", "error", "-m", "unittest", "discover", "-s", str(tmp_path))
    assert done.returncode == 1
    assert "Ran 2 tests" in done.stderr
    assert "FAILED (failures=1)" in done.stderr
    assert "AssertionError: track(event='Bought', user_id='u2') was not called" in done.stderr
    assert "user_id: expected 'u2', got 'u1'" in done.stderr
    assert "testing.py" not in done.stderr


UNITTEST = """
import sys, unittest
from contextlib import ExitStack
from analytics_posthog import track
from analytics_posthog.testing import capture

class Shop(unittest.TestCase):
    def setUp(self):
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.captured = stack.enter_context(capture())

    def test_bought(self):
        track("u1", "Bought")
        self.captured.assert_tracked("Bought", user_id="u2")

    def test_no_pytest(self):
        assert "pytest" not in sys.modules
"""


TEST = """
import sys
from analytics_posthog import track

def test_a_call(captured):
    track("u1", "Bought")
    captured.assert_tracked("Bought", user_id="u1")

def test_each_test_has_its_own(captured):
    captured.assert_nothing_sent()
"""


@pytest.mark.parametrize(
    "line",
    ['pytest_plugins = ["analytics_posthog.pytest_plugin"]', "from analytics_posthog.pytest_plugin import captured"],
)
def test_one_line_in_conftest_brings_the_fixture(line: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(f"{line}\n")
    (tmp_path / "test_shop.py").write_text(TEST)
    passed, failed, printed = run_suite(tmp_path)
    assert (len(passed), failed) == (2, []), printed


def test_who_does_not_opt_in_pays_nothing(tmp_path: Path) -> None:
    """No entry point loads it: a test run without the line never imports the package."""
    (tmp_path / "test_other.py").write_text("""
import sys

def test_it():
    assert not [name for name in sys.modules if name.startswith("analytics_posthog")]
""")
    passed, failed, printed = run_suite(tmp_path)
    assert (len(passed), failed) == (1, []), printed
