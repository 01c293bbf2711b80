"""Other people's packages go on, unchanged. `python -m tests.third_party` has more of them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer
from tests.third_party.__main__ import BEFORE
from tests.third_party.packages import PACKAGES


@pytest.mark.parametrize("name", ["event-tracking", "flask-segmentio"])
def test_what_a_package_sends_to_segment_arrives_in_posthog(name: str, posthog_server: PostHogServer) -> None:
    (package,) = (package for package in PACKAGES if package.requirements.split()[0] == name)
    done = run_python("-c", BEFORE.format(legacy=package.legacy) + package.use, URL=posthog_server.url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert Counter(event["event"] for event in posthog_server.events) == Counter(package.events)
    assert {batch["api_key"] for batch in posthog_server.batches} == {"phc_key"}
