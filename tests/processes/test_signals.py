"""flush_on_signal(): an opt-in that drains on SIGTERM and SIGINT, and then does what was done on the signal before."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client
from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.signalled import SLEEP, ended, running


def test_nothing_is_installed_on_import_nor_by_a_client(posthog_server: PostHogServer) -> None:
    script = """
before = {number: signal.getsignal(number) for number in signal.valid_signals()}
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
analytics.track("u1", "Bought")
analytics.flush()
analytics.shutdown()
assert before == {number: signal.getsignal(number) for number in signal.valid_signals()}
"""
    done = run_python("-c", "import os, signal\n" + script, URL=posthog_server.url)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("on", ["analytics", "client"])
def test_all_that_is_queued_is_sent_and_then_the_process_dies_of_the_signal(
    on: str, number: int, posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: time.sleep(0.1)
    script = "analytics.upload_interval = 60\ncall(1)\nclient = analytics.default_client\n"
    with running(f"{script}{on}.flush_on_signal()\ncall(550)\n{SLEEP}", posthog_server) as process:
        status, _, log, _ = ended(process, number)
    assert status == -number
    assert len(posthog_server.events) == 551
    assert "not sent" not in log


def test_after_the_drain_the_signal_goes_to_the_main_thread_so_that_its_sleep_ends(
    posthog_server: PostHogServer,
) -> None:
    posthog_server.answer = lambda _: time.sleep(0.3)
    # The main thread alone blocks it, so that it stays pending there. Another thread would take it at once.
    script = """
import threading
analytics.flush_on_signal()
call(10)
ready()
os.kill(os.getpid(), signal.SIGTERM)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
for thread in threading.enumerate():
    if thread.name == "analytics-flush":
        thread.join(2)
print(signal.SIGTERM in signal.sigpending(), analytics.stats()["delivered"])
"""
    with running(script, posthog_server) as process:
        assert ended(process)[:2] == (0, "True 10\n")


def test_a_handler_of_the_app_s_own_is_called_once_after_the_drain(posthog_server: PostHogServer) -> None:
    script = """
def stop(number, frame):
    print("stopped", number, frame is not None, analytics.stats()["queued"], flush=True)
    sys.exit(4)
signal.signal(signal.SIGTERM, stop)
analytics.flush_on_signal()
"""
    with running(f"{script}call(250)\n{SLEEP}", posthog_server) as process:
        status, out, _, _ = ended(process, signal.SIGTERM)
    assert (status, out) == (4, "stopped 15 True 0\n")
    assert len(posthog_server.events) == 250


def test_sigint_becomes_a_keyboard_interrupt_after_the_drain(posthog_server: PostHogServer) -> None:
    script = """
analytics.flush_on_signal()
call(250)
try:
    ready()
    for _ in range(400):
        time.sleep(0.05)
except KeyboardInterrupt:
    print("interrupted", analytics.stats()["queued"], flush=True)
"""
    with running(script, posthog_server) as process:
        assert ended(process, signal.SIGINT)[:2] == (0, "interrupted 0\n")
    assert len(posthog_server.events) == 250


def test_an_ignored_signal_stays_ignored_and_the_app_goes_on(posthog_server: PostHogServer) -> None:
    script = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
analytics.flush_on_signal()
analytics.upload_interval = 60
call(10)
ready()
sys.stdin.readline()
call(5)
analytics.flush()
"""
    with running(script, posthog_server) as process:
        process.send_signal(signal.SIGTERM)
        posthog_server.wait_for(10)
        assert ended(process)[0] == 0
    assert len(posthog_server.events) == 15


def test_the_app_that_goes_on_after_a_signal_drains_again_on_the_next(posthog_server: PostHogServer) -> None:
    script = """
seen = []
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(analytics.stats()["queued"]))
analytics.flush_on_signal(signal.SIGTERM)
analytics.upload_interval = 60
for n in range(3):
    call(10)
    os.kill(os.getpid(), signal.SIGTERM)
    end = time.monotonic() + 10
    while len(seen) == n and time.monotonic() < end:
        time.sleep(0.01)
ready()
print(seen, flush=True)
"""
    with running(script, posthog_server) as process:
        assert ended(process)[:2] == (0, "[0, 0, 0]\n")
    assert len(posthog_server.events) == 30


def test_a_second_signal_acts_at_once(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with running(f"analytics.flush_on_signal()\ncall(10)\n{SLEEP}", posthog_server) as process:
        posthog_server.wait_for_requests(1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # for it to be taken: two at once are one
        assert process.poll() is None
        status, _, _, seconds = ended(process, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert seconds < 1


def test_with_a_dead_server_the_signal_acts_after_3_seconds(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with running(f"analytics.flush_on_signal()\ncall(10)\n{SLEEP}", posthog_server) as process:
        status, _, _, seconds = ended(process, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert 2.5 < seconds < 5


def test_it_may_come_in_the_middle_of_calls_however_often(posthog_server: PostHogServer) -> None:
    """The handler interrupts calls that hold locks: of the queue, of the log, of threads."""
    script = """
seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
analytics.flush_on_signal(signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGUSR1))
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
analytics.max_queue_size = 10**6
calls = accepted = 0
while len(seen) < 20 and calls < 100_000:
    accepted += analytics.track(f"u{calls}", "Bought")[0]
    calls += 1
signal.setitimer(signal.ITIMER_REAL, 0)
ready()
print(calls, accepted, len(seen), analytics.flush(20), flush=True)
"""
    with running(script, posthog_server) as process:
        status, out, err, _ = ended(process)
    calls, accepted, signals, flushed = out.split()
    assert (status, signals, flushed) == (0, "20", "True"), err
    assert calls == accepted == str(len(posthog_server.events))


def test_a_signal_during_the_exit_does_not_keep_the_exit_from_draining(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.2)
    with running("analytics.flush_on_signal()\ncall(1000)\nready()\n", posthog_server) as process:
        posthog_server.wait_for_requests(4)
        _, _, log, _ = ended(process, signal.SIGTERM)
    assert len(posthog_server.events) == 1000
    assert log == ""


def test_a_signal_before_the_first_call_acts_at_once(posthog_server: PostHogServer) -> None:
    with running(f"analytics.flush_on_signal()\n{SLEEP}", posthog_server) as process:
        status, _, log, seconds = ended(process, signal.SIGTERM)
    assert (status, log) == (-signal.SIGTERM, "")
    assert seconds < 1


def test_the_module_s_goes_for_the_client_of_the_moment(posthog_server: PostHogServer) -> None:
    script = "analytics.flush_on_signal()\ncall(10)\nanalytics.shutdown()\nanalytics.upload_interval = 60\ncall(20)\n"
    with running(script + SLEEP, posthog_server) as process:
        assert ended(process, signal.SIGTERM)[0] == -signal.SIGTERM
    assert len(posthog_server.events) == 30


def test_a_forked_child_drains_its_own_on_a_signal(posthog_server: PostHogServer) -> None:
    script = """
analytics.flush_on_signal()
analytics.upload_interval = 60
call(10)
pid = os.fork()
if pid == 0:
    call(5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
"""
    with running(script + SLEEP, posthog_server) as process:
        assert len(posthog_server.events) == 5
        assert ended(process, signal.SIGTERM)[0] == -signal.SIGTERM
    assert len(posthog_server.events) == 15


@pytest.mark.parametrize("ask", [analytics.flush_on_signal, lambda: Client("phc_key", send=False).flush_on_signal()])
def test_outside_of_the_main_thread_it_raises_as_signal_signal_does(ask: Callable[[], Any]) -> None:
    raised: list[Exception] = []

    def work() -> None:
        try:
            ask()
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(raised) == 1
