"""What a signal's handler or another thread raises in a call comes through to the app, and leaves the client usable."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer

BEGIN = '''
import ctypes, datetime, decimal, faulthandler, json, os, random, signal, sys, threading, time, uuid
faulthandler.dump_traceback_later(100, exit=True)
from analytics_posthog import Client

class Limit(Exception):
    pass

def options():
    return json.loads(os.environ["OPTIONS"])

properties = {"a": [decimal.Decimal("1.5"), uuid.uuid4(), {"b": [datetime.time(1), (1, 2), {3}]}] * 20, "é": "ü" * 99}
client = Client("phc_key", os.environ["URL"], max_queue_size=10**6, **options())
chance = random.Random(5)
passed = swallowed = other = 0

def count(times, expected, begin):
    """Call again and again, so many times; count how often the interrupt that `begin()` sets off comes through."""
    global passed, swallowed, other
    while passed + swallowed + other < times:
        before = time.monotonic()
        try:
            begin()
            while time.monotonic() < before + 0.2:
                client.track("u1", "Bought", properties, {"ip": "1.2.3.4", "more": properties})
            swallowed += 1
        except expected:
            passed += 1
        except Exception as error:
            other += 1
            print(repr(error), file=sys.stderr)

def say():
    ok = client.track("last", "Bought")[0]
    print(json.dumps([passed, swallowed, other, ok, client.flush(60)]))
'''

IN_MAIN = """
def handler(*_):
    raise ERROR

signal.signal(signal.SIGALRM, handler)
count(400, ERROR_TYPE, lambda: signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.002)))
signal.setitimer(signal.ITIMER_REAL, 0)
say()
"""

IN_THREAD = """
began = threading.Event()
thread = threading.Thread(target=count, args=(200, Limit, began.set))
thread.start()
while thread.is_alive():
    if began.wait(0.01):
        began.clear()
        time.sleep(chance.uniform(0.0005, 0.003))
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Limit))
thread.join()
say()
"""


def result(script: str, url: str, **options: object) -> list[object]:
    done = run_python("-c", BEGIN + script, timeout=110, URL=url, OPTIONS=json.dumps(options))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("InvalidMessage") == 0, done.stderr[-3000:]
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["Limit()", "Limit('soft time limit', 5)", "TimeoutError('the worker')"])
def test_what_a_signal_s_handler_raises_comes_through(kind: str, posthog_server: PostHogServer, tmp_path: Path) -> None:
    script = IN_MAIN.replace("ERROR_TYPE", kind.partition("(")[0]).replace("ERROR", kind)
    passed, swallowed, other, ok, flushed = result(script, posthog_server.url)
    assert (other, ok, flushed) == (0, True, True)
    # Python itself ignores what is raised while it collects garbage.
    assert isinstance(swallowed, int)
    assert swallowed <= 20, (passed, swallowed)


def test_what_another_thread_sets_comes_through(posthog_server: PostHogServer) -> None:
    passed, swallowed, other, ok, flushed = result(IN_THREAD, posthog_server.url)
    assert (other, ok, flushed) == (0, True, True)
    assert isinstance(swallowed, int)
    assert swallowed <= 20, (passed, swallowed)


LIMITED = """
client.track("before", "Bought") if options().get("block_when_full") else None
def handler(*_):
    raise Limit("a second is over")
signal.signal(signal.SIGALRM, handler)
if os.environ["HOW"] == "signal":
    signal.setitimer(signal.ITIMER_REAL, 1)
else:
    main = threading.main_thread().ident
    threading.Timer(1, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(main), ctypes.py_object(Limit))).start()
begun = time.monotonic()
try:
    while True:
        client.track("u1", "Bought")
        assert time.monotonic() < begun + 60
except Limit:
    print(json.dumps([time.monotonic() - begun]), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("how", ["signal", "thread"])
@pytest.mark.parametrize(
    "options",
    [{"sync_mode": True}, {"max_queue_size": 1, "block_when_full": 20, "upload_size": 1}],
    ids=["sync_mode", "block_when_full"],
)
def test_a_limit_of_a_second_arrives_after_a_second(
    options: dict[str, object], how: str, posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: HANG
    script = BEGIN.replace("max_queue_size=10**6, ", "") + LIMITED
    done = run_python("-c", script, timeout=90, URL=posthog_server.url, OPTIONS=json.dumps(options), HOW=how)
    assert done.returncode == 0, done.stderr
    (seconds,) = json.loads(done.stdout)
    assert 0.9 < seconds < 4


CTRL_C = """
def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
client = Client("phc_key", os.environ["URL"], sync_mode=True, on_success=lambda messages: time.sleep(0.001))
for _ in range(200):
    try:
        # Python ignores what is raised while it collects garbage, so there is a second one.
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.006), 0.2)
        while True:
            client.track("u1", "Bought")
    except KeyboardInterrupt:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps([client.flush(5)]))
"""


def test_ctrl_c_in_sync_mode_leaves_nothing_that_flush_waits_for(posthog_server: PostHogServer) -> None:
    begun = time.monotonic()
    assert result(CTRL_C, posthog_server.url) == [True]
    assert time.monotonic() - begun < 100
