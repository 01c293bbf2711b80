"""Starts a server of the table, has it make 20 calls, sends it SIGTERM, and counts what arrives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.servers.table import Server
from tests.support.child_process import environment
from tests.support.posthog_server import PostHogServer

APPS = Path(__file__).parent / "apps"
CALLS = 20
TIMEOUT = 30.0  # seconds for each step
GRACE = 10.0  # seconds that `docker stop` waits before it kills


class Result(NamedTuple):
    """How many calls were accepted, how many events arrived, seconds from SIGTERM to the end, and the exit status."""

    sent: int
    arrived: int
    seconds: float
    status: int


def run(server: Server, client: str = "analytics_posthog", redis_url: str = "") -> Result:
    """Start a server, have it make its calls, and end it. Raises RuntimeError, with its log, if it doesn't work."""
    with tempfile.TemporaryDirectory() as folder, PostHogServer() as posthog:
        sent = Path(folder) / "sent"
        variables = environment(
            URL=posthog.url, SENT=str(sent), CLIENT=client, FOLDER=folder, REDIS=redis_url, PYTHONUNBUFFERED="1"
        )
        variables["PYTHONPATH"] = os.pathsep.join([str(APPS), variables["PYTHONPATH"]])
        port = free_port()
        command = [part.format(port=port, bin=Path(sys.executable).parent, redis=redis_url) for part in server.command]
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=APPS, env=variables, stdout=log, stderr=log, start_new_session=True)
            try:
                made = work(server, port, sent, variables)
                start = time.monotonic()
                status = end(server, process)
                seconds = time.monotonic() - start
            except (OSError, TimeoutError, subprocess.SubprocessError) as error:
                text = (Path(folder) / "log").read_text()
                raise RuntimeError(f"{type(error).__name__}: {error}\n{text[-2000:]}") from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        arrived = len({event["distinct_id"] for event in posthog.events})
        arrived += len({message["userId"] for message in posthog.segment_messages})
    return Result(made, arrived, seconds, status)


def work(server: Server, port: int, sent: Path, variables: dict[str, str]) -> int:
    """Have the calls made, and return how many were accepted."""
    if server.kind == "web":
        wait(lambda: is_listening(port))
        for number in range(CALLS):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{server.work}/u{number}", timeout=TIMEOUT) as answer:
                answer.read()
    elif server.kind == "worker":
        queue = f"import {server.work} as w\nfor n in range({CALLS}):\n    w.queue(f'u{{n}}')\n"
        outside = {**variables, "SENT": os.devnull}
        subprocess.run([sys.executable, "-c", queue], cwd=APPS, env=outside, check=True, timeout=TIMEOUT)
    wait(lambda: lines(sent) >= CALLS)
    return lines(sent)


def end(server: Server, process: subprocess.Popen[bytes]) -> int:
    if server.kind != "container":
        process.send_signal(signal.SIGTERM)
        return process.wait(TIMEOUT)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
    os.kill(int(children), signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(GRACE)
    os.kill(int(children), signal.SIGKILL)
    return process.wait(TIMEOUT)


def wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + TIMEOUT
    while not until():
        if time.monotonic() > limit:
            raise TimeoutError(f"not ready after {TIMEOUT:.0f} s")
        time.sleep(0.01)


def lines(file: Path) -> int:
    return file.read_text().count("\n") if file.exists() else 0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
