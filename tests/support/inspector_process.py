"""The inspector as a person starts it, and an app that sends to it: each a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests

from tests.support.child_process import environment

T = TypeVar("T")
COMMAND = [sys.executable, "-W", "error", "-m", "analytics_posthog", "inspect"]
KEY = "phc_secretOfTheInspectorsTests"


class Inspector:
    """`with Inspector() as inspector:` serves on `inspector.url`; further arguments go to the command."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self._arguments = arguments
        self._variables = variables
        self.output: list[str] = []  # lines on standard output, as they come
        self.errors: list[str] = []

    def __enter__(self) -> Inspector:
        command = [*COMMAND, "--port", "0", *self._arguments]
        self.process = subprocess.Popen(
            command,
            env=environment(**self._variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.output), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()
        self.url = awaited(self._address)
        awaited(self._answers)
        return self

    def _read(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))

    def _address(self) -> str:
        assert self.process.poll() is None, self.errors
        found = re.search(r"is at (http://\S+)/", "\n".join(self.errors))
        return found[1] if found else ""

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal and return its exit code. Harmless twice."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(15)
        for reader, stream in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join(5)
            assert stream is not None
            stream.close()
        return code

    def post(self, body: bytes | Any, path: str = "/batch/", **headers: str) -> requests.Response:
        """Post a body as an app's client does: bytes as they are, else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(
            self.url + path, data=data, headers={"Content-Type": "application/json", **names}, timeout=20
        )

    def send(self, *events: dict[str, Any]) -> None:
        """Post PostHog events as they are."""
        answer = self.post({"api_key": KEY, "batch": list(events)})
        assert (answer.status_code, answer.json()) == (200, {"status": 1}), answer.text

    def event(self, number: int) -> dict[str, Any]:
        """The detail that the page receives for an event."""
        found: dict[str, Any] = requests.get(f"{self.url}/inspector/events/{number}", timeout=10).json()
        return found

    def search(self, text: str, after: int = 0) -> dict[str, Any]:
        """The numbers of the events with a text in them."""
        found: dict[str, Any] = requests.get(
            f"{self.url}/inspector/search", params={"text": text, "after": str(after)}, timeout=10
        ).json()
        return found

    def messages(self, count: int, last_id: str = "") -> list[tuple[str, dict[str, Any]]]:
        """The first messages of the stream with events, each with its id; the totals in between are left out."""
        found: list[tuple[str, dict[str, Any]]] = []
        with requests.get(
            self.url + "/inspector/stream", headers={"Last-Event-ID": last_id}, stream=True, timeout=10
        ) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            number = ""
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, text = line.partition(": ")
                if name == "id":
                    number = text
                elif name == "data" and number:
                    found.append((number, json.loads(text)))
                    number = ""
                    if len(found) == count:
                        break
        return found


APP = """
import json, sys
import analytics_posthog as analytics

analytics.write_key, analytics.host = sys.argv[1:3]
analytics.debug = sys.argv[3] == "True"
analytics.on_error = lambda error, messages: sys.exit(f"not sent: {error}")
for line in sys.stdin:
    for call, arguments in json.loads(line):
        getattr(analytics, call)(**arguments)
    print(analytics.flush(), flush=True)
"""


class App:
    """A process that uses the package as any app does. The test names the calls that it makes."""

    def __init__(self, host: str, *, debug: bool = False) -> None:
        self._host = host
        self._debug = debug

    def __enter__(self) -> App:
        command = [sys.executable, "-c", APP, KEY, self._host, str(self._debug)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": None}
        if self._debug:
            pipes["stderr"] = subprocess.DEVNULL  # it has a line for each call
        self.process = subprocess.Popen(command, env=environment(), text=True, **pipes)
        return self

    def call(self, *calls: tuple[str, dict[str, Any]]) -> None:
        """Make calls, each a name and its arguments; returns when they are sent."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(calls) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "True\n"

    def track(self, event: str, user_id: str = "u1", **properties: Any) -> None:
        """Make a `track` call."""
        self.call(("track", {"user_id": user_id, "event": event, "properties": properties}))

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=20)


def awaited(question: Callable[[], T], timeout: float = 15) -> T:
    """Ask until the answer is true, and return it; AssertionError if that takes too long."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"not in {timeout} s: {question}"
        time.sleep(0.02)
