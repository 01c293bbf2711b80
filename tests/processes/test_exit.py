"""A process that just ends: what it accepted is sent while that makes progress, and what is left is said."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.child_process import environment, run_python
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.server_away import begun
from tests.support.two_clients import OURS, child

SETTINGS = "import analytics_posthog as analytics\nanalytics.write_key, analytics.host = 'phc_key', {url!r}\n"


def answer_in(seconds: float, server: PostHogServer) -> None:
    server.answer = lambda _: time.sleep(seconds)


def run(script: str, url: str) -> tuple[float, int, str]:
    """The seconds that a script takes, its exit status, and what it wrote to stderr: the log, from WARNING upwards."""
    start = time.monotonic()
    done = run_python("-c", SETTINGS.format(url=url) + script)
    return time.monotonic() - start, done.returncode, done.stderr


def users(server: PostHogServer) -> list[str]:
    return sorted(event["distinct_id"] for event in server.events)


def calls(number: int) -> str:
    return f"for number in range({number}):\n    assert analytics.track(f'u{{number:04}}', 'Bought')[0]\n"


def called(number: int) -> list[str]:
    return [f"u{n:04}" for n in range(number)]


@pytest.fixture(scope="module", autouse=True)
def _begin_what_takes_long(request: pytest.FixtureRequest) -> None:
    if any(item.path.name == "test_server_away.py" for item in request.session.items):
        begun(3)
        begun(30)


@pytest.fixture
def dead_urls() -> Iterator[list[str]]:
    """Of a server that refuses connections, and of one that accepts them and never answers."""
    with socket.socket() as refusing, socket.socket() as hanging:
        for listener in (refusing, hanging):
            listener.bind(("127.0.0.1", 0))
        hanging.listen(64)
        yield [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in (refusing, hanging)]


def run_at_once(script: str, urls: list[str]) -> list[tuple[float, int, str]]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda url: run(script, url), urls))


def test_3000_calls_are_delivered_without_a_flush_though_it_takes_longer_than_a_stall_may(
    posthog_server: PostHogServer,
) -> None:
    answer_in(0.1, posthog_server)
    seconds, status, log = run(calls(3000), posthog_server.url)
    assert users(posthog_server) == called(3000)
    assert (status, log) == (0, "")
    assert 3 < seconds < 15


def test_an_exit_does_not_wait_for_the_upload_interval(posthog_server: PostHogServer) -> None:
    seconds, _, log = run("analytics.upload_interval = 60\n" + calls(5), posthog_server.url)
    assert (users(posthog_server), log) == (called(5), "")
    assert seconds < 3


@pytest.mark.parametrize("exit_timeout", [1, 0])
def test_what_exit_timeout_leaves_no_time_for_is_counted_in_one_warning(
    exit_timeout: int, posthog_server: PostHogServer
) -> None:
    answer_in(0.2, posthog_server)
    script = f"analytics.exit_timeout = {exit_timeout}\n{calls(3000)}analytics.flush(0.5)\n"
    seconds, status, log = run(script, posthog_server.url)
    left = 3000 - len(posthog_server.events)
    assert log == f"analytics-posthog: {left:,} events not sent before the exit. An outbox would keep them\n"
    assert status == 0
    assert left > 1000
    assert seconds < 5 + exit_timeout


def test_a_script_is_not_held_up_without_a_server(dead_urls: list[str]) -> None:
    for seconds, status, log in run_at_once(calls(200), dead_urls):
        assert log == "analytics-posthog: 200 events not sent before the exit. An outbox would keep them\n"
        assert status == 0
        assert seconds < 6  # 3 without progress, and what Python takes to start


def test_exit_timeout_0_means_not_to_wait(dead_urls: list[str]) -> None:
    for seconds, _, log in run_at_once("analytics.exit_timeout = 0\n" + calls(200), dead_urls):
        assert log == "analytics-posthog: 200 events not sent before the exit. An outbox would keep them\n"
        assert seconds < 3


def test_on_error_gets_what_the_exit_leaves(dead_urls: list[str]) -> None:
    script = f"""
import sys
def on_error(error, messages):
    print("reported", type(error).__name__, len(messages), messages[0]["userId"], file=sys.stderr, flush=True)
analytics.on_error = on_error
analytics.exit_timeout = 0.5
{calls(20)}"""
    for _, _, log in run_at_once(script, dead_urls):
        reported = re.findall(r"reported (\w+) (\d+) u\d+", log)
        assert {kind for kind, _ in reported} <= {"ClientShutDown", "DeliveryError", "NoAnswer"}
        assert sum(int(number) for _, number in reported) == 20


@pytest.mark.parametrize(
    ("end", "status"),
    [("raise SystemExit(3)", 3), ("raise RuntimeError('app')", 1), ("1 / 0", 1), ("raise KeyboardInterrupt", -2)],
)
def test_a_script_that_ends_with_an_exception_drains_too_and_keeps_its_status(
    end: str, status: int, posthog_server: PostHogServer
) -> None:
    _, found, log = run(calls(50) + end, posthog_server.url)
    assert users(posthog_server) == called(50)
    assert found == status
    assert "not sent" not in log


def test_every_client_drains(posthog_server: PostHogServer) -> None:
    script = """
others = [analytics.Client("phc_key", analytics.host) for _ in range(3)]
for number, client in enumerate([analytics, *others]):
    client.track(f"u{number:04}", "Bought")
del others, client
"""
    _, _, log = run(script, posthog_server.url)
    assert (users(posthog_server), log) == (called(4), "")


def test_calls_of_threads_that_outlive_the_main_thread_are_delivered(posthog_server: PostHogServer) -> None:
    script = """
import threading, time
def work(name):
    for number in range(40):
        assert analytics.track(f"u{name * 40 + number:04}", "Bought")[0]
        time.sleep(0.01)
for name in range(3):
    threading.Thread(target=work, args=[name]).start()
"""
    _, _, log = run(script, posthog_server.url)
    assert (users(posthog_server), log) == (called(120), "")


def test_what_a_daemon_thread_gets_accepted_during_the_exit_is_delivered_and_the_rest_refused(
    posthog_server: PostHogServer,
) -> None:
    answer_in(0.3, posthog_server)
    script = """
import os, threading, time
def work():
    number = 0
    while True:
        ok, message = analytics.track(f"u{number:04}", "Bought")
        os.write(1, f"{message['userId']} {ok}\\n".encode())
        number += 1
        time.sleep(0.002)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""
    answers = dict(line.split() for line in child(script, OURS, posthog_server).splitlines())
    accepted = sorted(user for user, ok in answers.items() if ok == "True")
    assert set(accepted) <= set(users(posthog_server))
    assert len(users(posthog_server)) - len(accepted) <= 1  # one may have ended between its call and its line
    assert "False" in answers.values()


def test_calls_of_the_app_s_own_exit_handlers_are_delivered_in_whatever_order_they_were_registered(
    posthog_server: PostHogServer,
) -> None:
    script = """
import atexit
atexit.register(lambda: analytics.track("u0001", "Registered before the first call"))
analytics.track("u0000", "First")
atexit.register(lambda: analytics.track("u0002", "Registered after it"))
"""
    _, _, log = run(script, posthog_server.url)
    assert (users(posthog_server), log) == (called(3), "")


@pytest.mark.parametrize("script", ["", "analytics.send = False\n" + calls(5)], ids=["no call", "send=False"])
def test_an_exit_with_nothing_to_send_says_nothing_and_takes_no_time(script: str) -> None:
    seconds, status, log = run(script, "http://127.0.0.1:1")
    assert (status, log) == (0, "")
    assert seconds < 2.5


def test_a_ctrl_c_ends_the_wait_and_what_is_left_is_said_all_the_same(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    script = SETTINGS.format(url=posthog_server.url) + calls(150)
    process = subprocess.Popen([sys.executable, "-c", script], env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        posthog_server.wait_for_requests(1)
        time.sleep(0.5)  # it waits at the exit by now
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, log = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert time.monotonic() - start < 2
    assert "150 events not sent before the exit. An outbox would keep them\n" in log


def test_a_request_that_hangs_does_not_hold_up_the_exit_after_a_shutdown(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    script = """
from tests.support.two_clients import end_quickly
client = analytics.Client('phc_key', analytics.host)
client.track('u1', 'Bought')
end_quickly(client, 0.2)
"""
    seconds, status, log = run(script, posthog_server.url)
    assert status == 0
    assert log.startswith("analytics-posthog: 1 event not sent")
    assert seconds < 4
