"""install_as_segment() pins PostHog's key and address: a package that sets or passes Segment's changes nothing."""

from __future__ import annotations

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

WARNINGS = [
    f"analytics-posthog: {name} is pinned by install_as_segment(), so another one is not used. "
    "Remove it, or pass it there"
    for name in ("write_key", "host")
]
# What a package does that was written for Segment, with Segment's key and address.
PACKAGES = {
    "sets the module's": """
import segment.analytics as analytics
analytics.write_key = "segment-secret"
analytics.host = "https://api.segment.invalid"
analytics.track("u1", "Bought")
analytics.shutdown()
""",
    "makes a client": """
from segment.analytics.client import Client
client = Client("segment-secret", host="https://api.segment.invalid")
client.track("u1", "Bought")
client.shutdown()
""",
    "makes a subclass's client": """
from segment.analytics import Client
class Mine(Client):
    def __init__(self):
        super().__init__(write_key="segment-secret", host="https://api.segment.invalid")
client = Mine()
client.track("u1", "Bought")
client.shutdown()
""",
    "changes a living client": """
from segment.analytics import Client
client = Client()
client.write_key = "segment-secret"
client.host = "https://api.segment.invalid"
client.track("u1", "Bought")
client.shutdown()
""",
    "does all of it twice": """
import segment.analytics as analytics
for _ in range(2):
    analytics.write_key, analytics.host = "segment-secret", "https://api.segment.invalid"
analytics.track("u1", "Bought")
analytics.shutdown()
client = analytics.Client("segment-secret", "https://api.segment.invalid")
client.host = "https://api.segment.invalid"
client.shutdown()
""",
}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_package_s_own_key_and_address_are_not_used_and_one_warning_each_says_so(
    package: str, posthog_server: PostHogServer
) -> None:
    install = f"""
import analytics_posthog
analytics_posthog.install_as_segment(write_key="phc_pinned", host={posthog_server.url!r})
"""
    done = run_python("-W", "error", "-c", install + package)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "", WARNINGS)
    assert [body["api_key"] for body in posthog_server.batches] == ["phc_pinned"]
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1"]


def test_a_pinned_key_pins_the_module_s_address_too(posthog_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog
analytics_posthog.host = {posthog_server.url!r}
analytics_posthog.install_as_segment(write_key="phc_pinned")
analytics_posthog.write_key = "phc_pinned"
import segment.analytics as analytics
analytics.host = "https://api.segment.invalid"
analytics.track("u1", "Bought")
analytics.shutdown()
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "", WARNINGS[1:])
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1"]


def test_a_pinned_address_leaves_the_key_to_the_app(posthog_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog
analytics_posthog.install_as_segment(host={posthog_server.url!r})
analytics_posthog.write_key = "phc_of_the_app"
analytics_posthog.track("u1", "Bought")
analytics_posthog.shutdown()
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [body["api_key"] for body in posthog_server.batches] == ["phc_of_the_app"]


def test_without_a_key_or_address_nothing_is_pinned(posthog_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog
analytics_posthog.install_as_segment()
import segment.analytics as analytics
analytics.write_key, analytics.host = "phc_of_the_app", {posthog_server.url!r}
analytics.track("u1", "Bought")
analytics.shutdown()
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [body["api_key"] for body in posthog_server.batches] == ["phc_of_the_app"]


def test_a_later_pin_replaces_an_earlier_one_for_later_clients(posthog_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog
analytics_posthog.install_as_segment(write_key="phc_first", host={posthog_server.url!r})
analytics_posthog.install_as_segment(write_key="phc_second")
analytics_posthog.track("u1", "Bought")
analytics_posthog.shutdown()
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [body["api_key"] for body in posthog_server.batches] == ["phc_second"]


@pytest.mark.parametrize("wrong", ["write_key='phx_personal'", "write_key='phc_key', host='ftp://h'"])
def test_a_key_or_address_that_can_t_work_is_refused_and_pins_and_installs_nothing(wrong: str) -> None:
    script = f"""
import sys, analytics_posthog
try:
    analytics_posthog.install_as_segment({wrong})
except analytics_posthog.InvalidSetting:
    print("refused")
assert "segment.analytics" not in sys.modules
analytics_posthog.write_key = "phc_of_the_app"
print(analytics_posthog.write_key, analytics_posthog.host)
"""
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\nphc_of_the_app None\n", "")
