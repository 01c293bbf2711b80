"""A Ctrl-C at any moment of a call leaves the outbox usable."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.outboxes import run
from tests.support.posthog_server import PostHogServer

INTERRUPTED = """
import faulthandler, os, random, signal, sys, threading
faulthandler.dump_traceback_later(40, exit=True)
import analytics_posthog as analytics
client = analytics.Client("phc_key", sys.argv[1], outbox=sys.argv[2])
chance = random.Random(5)

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
interrupts = 0
while interrupts < 1500:
    try:
        # Python ignores what is raised while it collects garbage, so there is a second one.
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.002), 0.2)
        while True:
            client.track("u1", "Bought")
    except KeyboardInterrupt:
        interrupts += 1
signal.setitimer(signal.ITIMER_REAL, 0)
free = threading.Thread(target=client._route.delivery._directory.kept)
free.start()
free.join(10)
os.write(1, b"locked" if free.is_alive() else b"free")
os._exit(0)
"""


def test_no_interrupt_of_a_call_leaves_the_outbox_locked(posthog_server: PostHogServer, tmp_path: Path) -> None:
    # In Python 3.14 an interrupt leaves the lock of any `with lock:` held now and then; 3.13 and 3.15 do not.
    expected = {"free", "locked"} if sys.version_info[:2] == (3, 14) else {"free"}
    assert run(INTERRUPTED, posthog_server.url, tmp_path) in expected
