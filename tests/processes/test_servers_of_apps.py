"""The real gunicorn and the real Celery, ended by SIGTERM in the middle of traffic: nothing that was accepted is lost.

The apps do nothing for it: they set key and host, and call.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.child_process import environment, run_python
from tests.support.posthog_server import PostHogServer

# Each accepted call is written down, with the process that made it, before the app goes on.
SETUP = """
import os
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
analytics.outbox = os.environ.get("OUTBOX")
accepted = os.open(os.environ["ACCEPTED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def call(user):
    ok, message = analytics.track(user, "Called")
    if ok:
        os.write(accepted, f"{user} {os.getpid()}\\n".encode())
if os.environ["FIRST_CALL"] == "before the fork":
    call("loaded")
"""
GUNICORN = (
    SETUP
    + """
def app(environ, start_response):
    call(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
)
CELERY = (
    SETUP
    + """
from celery import Celery
folder = os.environ["FOLDER"]
app = Celery("tasks", broker="filesystem://")
folders = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"}
app.conf.broker_transport_options = folders
app.conf.task_ignore_result = True
@app.task
def work(user):
    call(user)
"""
)


def slow(server: PostHogServer) -> None:
    """So that there always is something queued."""
    server.answer = lambda _: time.sleep(0.1)


def wait_until_written(file: Path, lines: int, timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if file.exists() and file.read_text().count("\n") >= lines:
            return
        time.sleep(0.02)
    raise AssertionError(f"{file.read_text() if file.exists() else 'nothing'} after {timeout} s")


def assert_that_all_accepted_were_delivered_once(file: Path, server: PostHogServer) -> list[tuple[str, str]]:
    accepted = [(user, pid) for user, pid in (line.split() for line in file.read_text().splitlines())]
    delivered = Counter(event["distinct_id"] for event in server.unique_events())
    assert {user for user, _ in accepted} - delivered.keys() == set(), "accepted and lost"
    assert set(delivered.values()) == {1}
    assert len(delivered) - len(accepted) <= 3  # a process may have been ended between its call and its line
    return accepted


@pytest.mark.parametrize(
    ("first_call", "options"),
    [
        ("before the fork", []),
        ("in the worker", []),
        ("before the fork", ["--threads", "4"]),
        ("in the worker", ["--max-requests", "40"]),
    ],
)
def test_gunicorn_with_preload_and_two_workers_loses_nothing(
    first_call: str, options: list[str], tmp_path: Path, posthog_server: PostHogServer
) -> None:
    slow(posthog_server)
    (tmp_path / "wsgi.py").write_text(GUNICORN)
    accepted = tmp_path / "accepted"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "--workers",
        "2",
        "--bind",
        "127.0.0.1:0",
        *options,
        "wsgi:app",
    ]
    variables = environment(URL=posthog_server.url, ACCEPTED=str(accepted), FIRST_CALL=first_call)
    process = subprocess.Popen(command, env=variables, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    answered: list[str] = []
    try:
        assert process.stderr is not None
        listening = next(line for line in process.stderr if "Listening at" in line)
        port = int(listening.split("http://127.0.0.1:")[1].split()[0])
        log: list[str] = []
        reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        reader.start()

        def visit(name: int) -> None:
            for number in range(2000):
                user = f"{name}-{number}"
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", f"/?{user}")
                    if connection.getresponse().read() == b"ok":
                        answered.append(user)
                except (OSError, http.client.HTTPException):
                    if process.poll() is not None or ended.is_set():
                        return
                finally:
                    with contextlib.suppress(UnboundLocalError):
                        connection.close()

        ended = threading.Event()
        visitors = [threading.Thread(target=visit, args=[name]) for name in range(4)]
        for visitor in visitors:
            visitor.start()
        wait_until_written(accepted, 150)
        process.send_signal(signal.SIGTERM)
        ended.set()
        status = process.wait(30)
        for visitor in visitors:
            visitor.join(10)
        reader.join(5)
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
    assert status == 0, "".join(log)
    assert "not sent" not in "".join(log)
    written = assert_that_all_accepted_were_delivered_once(accepted, posthog_server)
    assert set(answered) <= {user for user, _ in written}
    assert len({pid for _, pid in written}) >= (3 if first_call == "before the fork" else 2)


def run_celery(first_call: str, options: list[str], folder: Path, server: PostHogServer, **more: str) -> Path:
    """Queues 400 tasks, starts a worker, and ends it by SIGTERM when it has done 120; returns what was accepted."""
    slow(server)
    (folder / "tasks.py").write_text(CELERY)
    (folder / "folder").mkdir()
    accepted = folder / "accepted"
    variables = {
        "URL": server.url,
        "ACCEPTED": str(accepted),
        "FOLDER": str(folder / "folder"),
        "FIRST_CALL": first_call,
        **more,
    }
    variables["PYTHONPATH"] = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    queue = "import tasks\nfor number in range(400):\n    tasks.work.delay(f'u{number}')\n"
    queued = run_python("-c", queue, **{**variables, "FIRST_CALL": "never", "ACCEPTED": str(folder / "nobody")})
    assert queued.returncode == 0, queued.stderr
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tasks",
        "worker",
        "--pool",
        "prefork",
        "--concurrency",
        "2",
        "--loglevel",
        "WARNING",
    ]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", *options]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment(**variables), cwd=folder, stderr=log, stdout=log)
        try:
            wait_until_written(accepted, 120)
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)
        finally:
            process.kill()
            process.wait()
    text = (folder / "log").read_text()
    assert status == 0, text
    assert "not sent" not in text
    return accepted


@pytest.mark.parametrize("first_call", ["before the fork", "in the worker"])
def test_celery_with_prefork_loses_nothing(first_call: str, tmp_path: Path, posthog_server: PostHogServer) -> None:
    accepted = run_celery(first_call, [], tmp_path, posthog_server)
    written = assert_that_all_accepted_were_delivered_once(accepted, posthog_server)
    assert len({pid for _, pid in written}) >= (3 if first_call == "before the fork" else 2)
    assert len(written) < 400, "the signal came when all was done"


def test_celery_that_kills_its_children_loses_nothing_with_an_outbox(
    tmp_path: Path, posthog_server: PostHogServer
) -> None:
    """With --max-tasks-per-child a thread of Celery forks the later children. They get SIGKILL when it ends."""
    outbox = str(tmp_path / "outbox")
    accepted = run_celery("in the worker", ["--max-tasks-per-child", "25"], tmp_path, posthog_server, OUTBOX=outbox)
    script = f"""
import analytics_posthog as analytics
analytics.write_key, analytics.host, analytics.outbox = "phc_key", {posthog_server.url!r}, {outbox!r}
assert analytics.flush()
"""
    done = run_python("-c", script)
    assert done.returncode == 0, done.stderr
    written = assert_that_all_accepted_were_delivered_once(accepted, posthog_server)
    assert len({pid for _, pid in written}) >= 4
