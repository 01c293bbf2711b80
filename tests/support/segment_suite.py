"""Runs Segment's own tests, from its installed package, with this package imported as `segment.analytics`.

    python -m tests.support.segment_suite [--client segment] [--deaf] [name ...]

A name is `test_client.TestClient.test_basic_track`. The last line of the output is a JSON object: name -> what went
wrong, or null. One more thing is checked: a message that was accepted before `flush()` or `shutdown()`, or in
sync_mode, must have arrived once when that call returns. `--client segment` runs Segment's own client in the same way.
With `--deaf` the server throws everything away, to see that a run can fail.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import importlib.util
import json
import sys
import types
import unittest
import unittest.mock
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.posthog_server import PostHogServer
from tests.support.segment_left_out import LEFT_OUT

CALLS = ("track", "identify", "page", "screen", "group", "alias")
POSTHOG = uuid.uuid5(uuid.UUID(int=0), "PostHog")

# Segment's code answers with milliseconds, but its tests expect none and do not notice, because their `fail()` raises
# nothing. We do what the code does.
EXPECTED_TIMESTAMP = ('"2014-09-03T00:00:00+00:00"', '"2014-09-03T00:00:00.000+00:00"')


def _directory() -> Path:
    spec = importlib.util.find_spec("segment.analytics")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "test"


DIRECTORY = _directory()  # found now, before another package has Segment's name


def names() -> list[str]:
    """Every test of Segment's, found by reading, without importing."""
    return [
        f"{path.stem}.{test_case.name}.{test.name}"
        for path in sorted(DIRECTORY.glob("test_*.py"))
        for test_case in ast.parse(path.read_text("utf-8")).body
        if isinstance(test_case, ast.ClassDef)
        for test in test_case.body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
    ]


def stand_in() -> types.ModuleType:
    """Puts this package where Segment's tests look for Segment's; returns it."""
    analytics = importlib.import_module("analytics_posthog")
    analytics.install_as_segment()
    return analytics


def load(module: str) -> types.ModuleType:
    """One of Segment's test modules, with its expectations put right and its `fail` given back."""
    path = DIRECTORY / f"{module}.py"
    loaded = types.ModuleType(f"segment.analytics.test.{module}")
    source = path.read_text("utf-8").replace(*EXPECTED_TIMESTAMP)
    exec(compile(source, str(path), "exec"), vars(loaded))
    for value in vars(loaded).values():
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and "fail" in vars(value):
            give_fail_back(value)
    return loaded


def give_fail_back(test_case: type[unittest.TestCase]) -> None:
    """Segment's TestClient uses `fail(error, batch)` as its on_error, and so takes unittest's `fail(message)` away.

    assertEqual on strings, dicts and lists ends in `self.fail(message)`: there every such assertion passed.
    """
    mark = vars(test_case)["fail"]

    def fail(self: unittest.TestCase, error: Any = None, *batch: Any) -> None:
        if not batch:
            raise self.failureException(error)
        mark(self, error, *batch)

    test_case.fail = fail  # type: ignore[method-assign, assignment]


class Arrivals:
    """Notes what every client of a class accepts, and what had not arrived once when `flush()` returned."""

    def __init__(self, client: type, arrived: Callable[[], Counter[str]], identity: Callable[[str], str]) -> None:
        self.arrived, self.identity = arrived, identity
        self.clients: list[Any] = []
        self.accepted: dict[int, list[str]] = {}
        self.problems: list[str] = []
        for name in ("__init__", *CALLS, "flush", "shutdown"):
            setattr(client, name, self._watched(name, getattr(client, name)))

    def clear(self) -> None:
        self.clients, self.accepted, self.problems = [], {}, []

    def _watched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(client: Any, *args: Any, **kwargs: Any) -> Any:
            if name == "__init__":
                self.clients.append(client)
            accepted = self.accepted.setdefault(id(client), [])
            before = list(accepted)
            result = method(client, *args, **kwargs)
            if name in CALLS and result[0] and client.send:
                accepted.append(self.identity(result[1]["messageId"]))
                if client.sync_mode:
                    self._check(name, accepted)
            elif name in ("flush", "shutdown"):
                self._check(name, before)
            return result

        return call

    def _check(self, call: str, accepted: list[str]) -> None:
        arrived = self.arrived()
        times = Counter(arrived[identity] for identity in accepted)
        if set(times) - {1}:
            self.problems.append(
                f"after {call}() of {len(accepted)} accepted messages {times[0]} had not arrived: {dict(times)}"
            )


def watch_posthog(server: PostHogServer) -> tuple[types.ModuleType, Arrivals]:
    """This package in Segment's place; a client without a host reaches the loopback server."""
    analytics = stand_in()
    point_at(server)
    arrivals = Arrivals(
        analytics.Client,
        lambda: Counter(event["uuid"] for event in list(server.events)),
        lambda message_id: str(uuid.uuid5(POSTHOG, message_id)),
    )
    return analytics, arrivals


def point_at(server: PostHogServer) -> None:
    """Without a host the official client names PostHog's US cloud; here it names the loopback server."""
    http = importlib.import_module("analytics_posthog._delivery.http")
    named = http.determine_server_host
    http.determine_server_host = lambda host: named(host) if host else server.url  # type: ignore[attr-defined]


def watch_segment(server: PostHogServer) -> tuple[types.ModuleType, Arrivals]:
    """Segment's own client; without a host it reaches the loopback server as well."""
    analytics = importlib.import_module("segment.analytics")
    request = importlib.import_module("segment.analytics.request")
    remove_trailing_slash = request.remove_trailing_slash
    request.remove_trailing_slash = lambda host: (
        server.url if host == "https://api.segment.io" else remove_trailing_slash(host)
    )
    arrived = lambda: Counter(message["messageId"] for message in list(server.segment_messages))  # noqa: E731
    return analytics, Arrivals(analytics.Client, arrived, str)


def run(name: str, analytics: Any, arrivals: Arrivals, modules: dict[str, types.ModuleType]) -> str | None:
    """Runs one test in a module that is as new; returns what went wrong."""
    module, test_case, method = name.split(".")
    analytics.default_client = None
    for setting, value in vars(analytics.Client.DefaultConfig).items():
        if not setting.startswith("_") and hasattr(analytics, setting):
            setattr(analytics, setting, value)
    arrivals.clear()
    result = unittest.TestResult()
    getattr(modules[module], test_case)(method).run(result)
    problems = [text for _, text in (*result.failures, *result.errors, *result.skipped)] + arrivals.problems
    for client in arrivals.clients:
        if getattr(client, "consumers", None):  # not there if __init__ raised; None in sync_mode
            client.join()
    return "\n".join(problems) or None if result.testsRun == 1 else "was not run"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", choices=["posthog", "segment"], default="posthog")
    parser.add_argument("--deaf", action="store_true", help="the server answers 200 and throws everything away")
    parser.add_argument("names", nargs="*", help="default: all but those left out")
    arguments = parser.parse_args()
    chosen = arguments.names or [name for name in names() if name not in LEFT_OUT]
    # Segment's tests ask for the backport; the standard library has the same.
    sys.modules["mock"] = unittest.mock
    with PostHogServer() as server:
        if arguments.deaf:
            server.answer = lambda _: (200, {}, b'{"status":"Ok"}')
        analytics, arrivals = (watch_segment if arguments.client == "segment" else watch_posthog)(server)
        modules = {module: load(module) for module in {name.split(".")[0] for name in chosen}}
        print(json.dumps({name: run(name, analytics, arrivals, modules) for name in chosen}))


if __name__ == "__main__":
    main()
