"""A server that is away for a while, and what happens to the calls meanwhile.

Run beside other tests, because it takes as long.
"""

from __future__ import annotations

import functools
import threading
from concurrent.futures import Future
from typing import NamedTuple

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

CALLS = 500


class Outcome(NamedTuple):
    said: str
    users: list[str]  # as PostHog counts them
    uuids: set[str]


@functools.cache
def begun(seconds: float) -> Future[Outcome]:
    """The outcome to come; the first to ask for it begins."""
    future: Future[Outcome] = Future()

    def work() -> None:
        try:
            future.set_result(outcome(seconds))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def outcome(seconds: float) -> Outcome:
    """What a process says that calls while its server is away, and who has arrived when it is over."""
    with PostHogServer() as server:
        server.stop()
        script = f"""
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {server.url!r}
analytics.on_error = lambda error, messages: print("lost", len(messages), error)
for number in range({CALLS}):
    assert analytics.track(f"u{{number:03}}", "Bought")[0]
print(analytics.flush(timeout=60), analytics.stats())
"""
        back = threading.Timer(seconds, server.start)
        back.start()
        try:
            done = run_python("-c", script, timeout=90)
        finally:
            back.join()
    users = sorted(event["distinct_id"] for event in server.unique_events())
    return Outcome(done.stdout + done.stderr, users, {event["uuid"] for event in server.events})
