"""Segment's own tests, from its installed package, pass with this package in Segment's place. See segment_suite.py."""

from __future__ import annotations

import json
import unittest
from typing import Any

import pytest

from tests.support import segment_suite
from tests.support.child_process import run_python
from tests.support.segment_left_out import LEFT_OUT

ALL = segment_suite.names()
CHOSEN = [name for name in ALL if name not in LEFT_OUT]


def outcomes(*arguments: str) -> dict[str, str | None]:
    done = run_python("-m", "tests.support.segment_suite", *arguments, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def suite() -> dict[str, str | None]:
    """Each test that is not left out -> what went wrong, or None."""
    return outcomes(*CHOSEN)


@pytest.mark.parametrize("name", CHOSEN)
def test_segment_s_own_test_passes(name: str, suite: dict[str, str | None]) -> None:
    problem = suite[name]
    assert problem is None, problem


def test_every_test_of_segment_s_is_run_or_left_out_for_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    by_reason: dict[str, list[str]] = {}
    for name, reason in LEFT_OUT.items():
        module, _, test = name.split(".")
        by_reason.setdefault(reason, []).append(f"{module}.{test}")
    with capsys.disabled():
        print(f"\nOf Segment's own {len(ALL)} tests {len(CHOSEN)} are run; {len(LEFT_OUT)} are left out, because each")
        for reason, names in by_reason.items():
            print(f"- {reason} ({len(names)}): {', '.join(names)}")
    assert set(LEFT_OUT) <= set(ALL), f"no such tests: {set(LEFT_OUT) - set(ALL)}"
    assert len(CHOSEN) >= 70


def test_a_message_that_was_flushed_but_did_not_arrive_fails_its_test() -> None:
    found = outcomes("--deaf", "test_module.TestModule.test_track", "test_client.TestClient.test_synchronous")
    assert found == {
        "test_module.TestModule.test_track": "after flush() of 1 accepted messages 1 had not arrived: {0: 1}",
        "test_client.TestClient.test_synchronous": "after identify() of 1 accepted messages 1 had not arrived: {0: 1}",
    }


def test_segment_s_own_client_passes_in_the_same_runner() -> None:
    names = [
        "test_client.TestClient.test_advanced_track",
        "test_client.TestClient.test_shutdown",
        "test_init.TestInit.test_host",
    ]
    assert outcomes("--client", "segment", *names) == dict.fromkeys(names)


def test_fail_means_what_it_means_in_unittest_again() -> None:
    class TestClient(unittest.TestCase):
        failed = False

        def fail(self, e: Any, batch: Any = ()) -> None:  # type: ignore[override]  # as Segment's
            self.failed = True

    case = TestClient()
    case.assertEqual("a", "b")  # this is how Segment's tests pass
    segment_suite.give_fail_back(TestClient)
    with pytest.raises(AssertionError):
        case.assertEqual("a", "b")
    case.failed = False
    case.fail(OSError(), [{"type": "track"}])
    assert case.failed
