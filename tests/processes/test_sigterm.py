"""SIGTERM where the app does nothing for it: what was accepted is sent, and then the process ends as it did before."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.signalled import SLEEP, ended, running

NEVER = "analytics.upload_interval = 60\n"  # what is queued is still there when the signal comes
IN_A_THREAD = """
import threading
thread = threading.Thread(target=call, args=[250])
thread.start()
thread.join()
"""
OWN_CLIENT = """
client = analytics.Client("phc_key", os.environ["URL"], upload_interval=60)
for n in range(250):
    client.track(f"u{n}", "Bought")
"""
IN_A_LOOP = """
import asyncio
async def main():
    call(250)
    ready()
    for _ in range(400):
        await asyncio.sleep(0.05)  # a signal that comes just before a wait is seen after it
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "script",
    [
        f"call(250)\n{SLEEP}",
        IN_A_THREAD + SLEEP,
        IN_A_LOOP,
        OWN_CLIENT + SLEEP,
        f"analytics.flush_on_signal()\ncall(250)\n{SLEEP}",
    ],
    ids=["a script", "first call in a thread", "an event loop", "a client of one's own", "with flush_on_signal too"],
)
def test_all_that_is_queued_is_sent_and_then_the_process_dies_of_it(script: str, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.1)
    with running(NEVER + script, posthog_server) as process:
        status, _, log, _ = ended(process, signal.SIGTERM)
    assert (status, log) == (-signal.SIGTERM, "")
    assert len(posthog_server.unique_events()) == 250


@pytest.mark.parametrize(
    "script",
    ["", "call(5)\nanalytics.flush()\n", "call(5)\nanalytics.shutdown()\n", "analytics.send = False\ncall(5)\n"],
)
def test_with_nothing_queued_it_acts_at_once(script: str, posthog_server: PostHogServer) -> None:
    with running(script + SLEEP, posthog_server) as process:
        status, _, log, seconds = ended(process, signal.SIGTERM)
    assert (status, log) == (-signal.SIGTERM, "")
    assert seconds < 1


def test_with_a_dead_server_it_acts_after_3_seconds_and_says_what_is_left(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with running(f"call(10)\n{SLEEP}", posthog_server) as process:
        status, _, log, seconds = ended(process, signal.SIGTERM)
    assert (status, log) == (
        -signal.SIGTERM,
        "analytics-posthog: 10 events not sent before the exit. An outbox would keep them\n",
    )
    assert 2.5 < seconds < 5


def test_a_second_one_acts_at_once(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with running(f"call(10)\n{SLEEP}", posthog_server) as process:
        posthog_server.wait_for_requests(1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # for it to be taken: two at once are one
        assert process.poll() is None
        status, _, _, seconds = ended(process, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert seconds < 1


def test_a_call_after_it_is_refused_or_delivered(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.2)
    script = """
analytics.on_error = lambda error, messages: None
call(250)
ready()
accepted = 250
end = time.monotonic() + 20
while time.monotonic() < end:
    if analytics.track("later", "Bought")[0]:
        accepted += 1
        os.write(1, b"accepted\\n")
    time.sleep(0.001)
"""
    with running(script, posthog_server) as process:
        posthog_server.wait_for_requests(2)
        status, out, _, _ = ended(process, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert 0 <= len(posthog_server.unique_events()) - 250 - out.count("accepted") <= 1  # killed before its line


OWN = """
def stop(number, frame):
    print("stopped", analytics.stats()["queued"], flush=True)
    sys.exit(4)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_handler_of_the_app_s_own_is_left_alone_and_its_exit_drains(when: str, posthog_server: PostHogServer) -> None:
    own = f"{OWN}signal.signal(signal.SIGTERM, stop)\n"
    script = f"{own}call(50)\n" if when == "before" else f"call(50)\n{own}"
    with running(NEVER + script + SLEEP, posthog_server) as process:
        status, out, _, _ = ended(process, signal.SIGTERM)
    assert (status, out) == (4, "stopped 50\n")
    assert len(posthog_server.events) == 50


def test_an_ignored_sigterm_stays_ignored(posthog_server: PostHogServer) -> None:
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ncall(5)\nready()\nsys.stdin.readline()\n"
    with running(NEVER + script, posthog_server) as process:
        assert ended(process, signal.SIGTERM)[0] == 0
    assert len(posthog_server.events) == 5


def test_code_that_installs_its_handler_only_where_there_is_none_does_so(posthog_server: PostHogServer) -> None:
    script = f"""
call(5)
found = signal.getsignal(signal.SIGTERM)
assert found == signal.SIG_DFL and not found != signal.SIG_DFL
assert found in (None, signal.SIG_DFL) and found not in (signal.SIG_IGN, signal.default_int_handler)
{OWN}
assert signal.signal(signal.SIGTERM, stop) == signal.SIG_DFL
"""
    with running(NEVER + script + SLEEP, posthog_server) as process:
        assert ended(process, signal.SIGTERM)[:2] == (4, "stopped 5\n")


def test_a_handler_that_is_put_back_later_drains_or_is_the_default(posthog_server: PostHogServer) -> None:
    script = """
call(5)
earlier = signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGTERM, earlier)
client = analytics.Client("phc_key", os.environ["URL"])
"""
    with running(NEVER + script + SLEEP, posthog_server) as process:
        assert ended(process, signal.SIGTERM)[0] == -signal.SIGTERM
    assert len(posthog_server.events) == 5


def test_a_forked_child_sends_its_own_and_only_those(posthog_server: PostHogServer) -> None:
    script = """
call(10)
pid = os.fork()
if pid == 0:
    call(5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
"""
    with running(NEVER + script + SLEEP, posthog_server) as process:
        assert len(posthog_server.events) == 5
        assert ended(process, signal.SIGTERM)[0] == -signal.SIGTERM
    assert len(posthog_server.events) == 15


def test_the_first_process_of_a_container_sends_all_and_lives_on(posthog_server: PostHogServer) -> None:
    """As with `docker stop`: the default action does nothing to process 1, so the kill comes 10 seconds later."""
    script = """
assert os.getpid() == 1
call(10)
ready()
sys.stdin.readline()
call(5)
os.kill(1, signal.SIGTERM)
end = time.monotonic() + 20
while analytics.stats()["queued"] and time.monotonic() < end:
    time.sleep(0.01)
print("alive", analytics.stats()["delivered"], flush=True)
os._exit(0)  # as if killed
"""
    container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    with running(NEVER + script, posthog_server, container) as process:
        first = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
        subprocess.run(["kill", "-TERM", first.strip()], check=True)
        posthog_server.wait_for(10)
        assert ended(process)[:2] == (0, "alive 15\n")
    assert len(posthog_server.events) == 15


@pytest.mark.parametrize("module", ["uwsgi", "mod_wsgi"])
def test_the_handler_of_a_server_in_c_is_never_replaced(module: str, posthog_server: PostHogServer) -> None:
    script = f"""
import ctypes, os, signal, sys, types
libc = ctypes.CDLL(None)
handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: print("in C", flush=True))
if {module == "uwsgi"}:  # Linux shows it; elsewhere, the server's module does
    libc.signal(signal.SIGTERM, handler)
else:
    sys.modules["mod_wsgi"] = types.ModuleType("mod_wsgi")
    sys.addaudithook(lambda event, _: None)
    signal.signal = lambda *_: print("replaced")
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
analytics.track("u1", "Bought")
if {module == "uwsgi"}:
    os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run_python("-c", script, URL=posthog_server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("in C\n" if module == "uwsgi" else "")
