"""A team's suite with the plugin: one line, no key, nothing sent; also under xdist, asyncio and syrupy."""

from __future__ import annotations

from pathlib import Path

from tests.support.suite_process import run_suite

SYRUPY = ("-p", "syrupy")
PLUGIN = 'pytest_plugins = ["analytics_posthog.pytest_plugin"]\n'
TESTS = """
import analytics_posthog as analytics
from analytics_posthog import Client


def test_without_the_fixture_no_key_is_needed():
    assert analytics.track("u1", "Seen")[0]
    assert analytics.flush()


def test_another_test_begins_anew(captured):
    assert len(captured) == 0
    analytics.track("u1", "Left")
    captured.assert_tracked("Left", times=1)


def test_a_client_made_without_the_fixture_sends_nothing():
    Client("phc_x", host="http://127.0.0.1:9", sync_mode=True, max_retries=0).track("u1", "Seen")
"""


def test_one_line_keeps_a_suite_from_sending_and_from_needing_a_key(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_app.py").write_text(TESTS)
    passed, failed, printed = run_suite(tmp_path)
    assert (len(passed), failed) == (3, []), printed


def test_a_setting_lets_tests_send(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_app.py").write_text(TESTS)
    passed, _, printed = run_suite(tmp_path, "-o", "analytics_posthog_send=true")
    assert passed == ["test_another_test_begins_anew"], printed
    assert "write_key must be your PostHog project API key" in printed
    assert "NoAnswer" in printed


def test_the_fixture_alone_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from analytics_posthog.pytest_plugin import captured  # noqa: F401\n")
    (tmp_path / "test_app.py").write_text(TESTS)
    passed, _, printed = run_suite(tmp_path)
    assert passed == ["test_another_test_begins_anew"], printed


def test_it_works_under_xdist(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    for number in range(4):
        (tmp_path / f"test_app_{number}.py").write_text(TESTS)
    _, failed, printed = run_suite(tmp_path, "-p", "xdist.plugin", "-n", "2")
    assert failed == [], printed
    assert "12 passed" in printed


def test_it_works_with_asyncio_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_app.py").write_text(
        "import asyncio\n\nimport pytest\n\nimport analytics_posthog as analytics\n\n\n"
        "async def order():\n    await asyncio.sleep(0)\n"
        "    await asyncio.to_thread(analytics.track, 'u1', 'Ordered')\n"
        "    return await analytics.aflush(5)\n\n\n"
        "@pytest.mark.asyncio\nasync def test_an_order(captured):\n"
        "    assert await asyncio.gather(order(), order()) == [True, True]\n"
        "    captured.assert_tracked('Ordered', user_id='u1', times=2)\n"
    )
    passed, failed, printed = run_suite(
        tmp_path, "-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"
    )
    assert (passed, failed) == (["test_an_order"], []), printed


def test_a_snapshot_is_stored_and_compared_by_syrupy(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    app = tmp_path / "test_app.py"
    app.write_text(
        "import analytics_posthog as analytics\n\n\ndef test_an_order(captured, snapshot):\n"
        "    analytics.track('u1', 'Ordered', {'size': 1})\n    assert captured.snapshot() == snapshot\n"
    )
    run_suite(tmp_path, *SYRUPY, "--snapshot-update")
    stored = (tmp_path / "__snapshots__" / "test_app.ambr").read_text()
    assert "<messageId 1>" in stored
    assert run_suite(tmp_path, *SYRUPY)[0] == ["test_an_order"]
    app.write_text(app.read_text().replace("'size': 1", "'size': 2"))
    assert run_suite(tmp_path, *SYRUPY)[1] == ["test_an_order"]
