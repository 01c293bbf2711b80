"""What a track costs with the SDKs that a team could pick instead, each used as its documentation shows.

`python -m tests.benchmarks.peers [--quick]`, with the groups `bench` and `peers` in an environment of its own.

In each round every SDK has a process of its own, and they are asked by turns. The events are the same: 8 properties, 2
of them nested; where there is a context, it goes along. "CPU" is the calling thread's alone, "p50" and "p99" are by the
clock on the wall. Microseconds; medians of the rounds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any, Final

from .clients import BATCH, INTERVAL, KEY, QUEUE_SIZE, Capture, Ours, SegmentClient
from .events import segment_arguments
from .processes import Process, options, python
from .rounds import conditions

_DISTINCT: Final = 100  # sets of arguments


def _of_three(client: type[SegmentClient], url: str) -> Callable[[int], Any]:
    made = client(url)
    call, arguments = made.call("track"), [made.arguments("track", number) for number in range(_DISTINCT)]
    return lambda number: call(**arguments[number % _DISTINCT])


def rudder(url: str) -> Callable[[int], Any]:
    """RudderStack's, which comes of Segment's."""
    from rudderstack.analytics.client import Client

    client = Client(KEY, host=url, max_queue_size=QUEUE_SIZE, upload_size=BATCH, upload_interval=INTERVAL, gzip=False)
    arguments = [segment_arguments("track", number) for number in range(_DISTINCT)]
    return lambda number: client.track(**arguments[number % _DISTINCT])


def mixpanel(url: str) -> Callable[[int], Any]:
    """Mixpanel's with its buffer, which the calling thread sends when it is full."""
    from mixpanel import BufferedConsumer, Mixpanel

    client = Mixpanel(KEY, BufferedConsumer(events_url=f"{url}/track"))
    arguments = [segment_arguments("track", number) for number in range(_DISTINCT)]

    def call(number: int) -> None:
        given = arguments[number % _DISTINCT]
        client.track(given["user_id"], given["event"], given["properties"])

    return call


def amplitude(url: str) -> Callable[[int], Any]:
    """Amplitude's."""
    from amplitude import Amplitude, BaseEvent, Config

    client = Amplitude(KEY, Config(server_url=f"{url}/2/httpapi", flush_queue_size=BATCH, flush_interval_millis=500))
    arguments = [segment_arguments("track", number) for number in range(_DISTINCT)]

    def call(number: int) -> None:
        given = arguments[number % _DISTINCT]
        client.track(BaseEvent(given["event"], user_id=given["user_id"], event_properties=given["properties"]))

    return call


def statsig(url: str) -> Callable[[int], Any]:
    """Statsig's, whose core is in Rust. Its events hold only strings, so the nested properties go as JSON."""
    from statsig_python_core import Statsig, StatsigOptions, StatsigUser

    options = StatsigOptions(log_event_url=f"{url}/v1/log_event", specs_url=f"{url}/specs", init_timeout_ms=100)
    client = Statsig("secret-key", options)
    client.initialize().wait()
    arguments = [segment_arguments("track", number) for number in range(_DISTINCT)]

    def call(number: int) -> None:
        given = arguments[number % _DISTINCT]
        texts = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in given["properties"].items()
        }
        client.log_event(StatsigUser(user_id=given["user_id"]), given["event"], None, texts)

    return call


PEERS: Final[dict[str, tuple[str, Callable[[str], Callable[[int], Any]]]]] = {
    "ours": ("analytics-posthog", lambda url: _of_three(Ours, url)),
    "segment": ("segment-analytics-python", lambda url: _of_three(SegmentClient, url)),
    "capture": ("posthog", lambda url: _of_three(Capture, url)),
    "rudder": ("rudder-sdk-python", rudder),
    "mixpanel": ("mixpanel", mixpanel),
    "amplitude": ("amplitude-analytics", amplitude),
    "statsig": ("statsig-python-core", statsig),
}


def child(name: str, url: str, count: int) -> None:
    """Measure one SDK, print the three figures, and end without waiting for what is still queued."""
    call = PEERS[name][1](url)
    for number in range(2 * BATCH):
        call(number)
    time.sleep(INTERVAL)
    taken = []
    cpu = time.thread_time_ns()
    for number in range(count):
        begin = time.perf_counter_ns()
        call(number)
        taken.append(time.perf_counter_ns() - begin)
    cpu = time.thread_time_ns() - cpu
    taken.sort()
    print(json.dumps([cpu / 1e3 / count, taken[count // 2] / 1e3, taken[count * 99 // 100] / 1e3]), flush=True)
    os._exit(0)


def table(rounds: int, count: int) -> str:
    """Measure all by turns, and return a Markdown table."""
    found: dict[str, list[list[float]]] = {name: [] for name in PEERS}
    with Process("sink") as sink:
        url = sink.answer()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for name in [*PEERS][number % len(PEERS) :] + [*PEERS][: number % len(PEERS)]:
                answer = python("-m", f"{__package__}.peers", "--child", name, f"{url}/{name}", str(count))
                found[name].append(json.loads(answer.splitlines()[-1]))
    lines = ["| SDK | version | CPU | p50 | p99 |", "|---|---|--:|--:|--:|"]
    for name, rows in found.items():
        package = PEERS[name][0]
        figures = " | ".join(f"{median(column):,.1f}" for column in zip(*rows, strict=True))
        lines.append(f"| {package} | {version(package)} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    given = options(__doc__, 3)
    if given.child:
        name, url, count = given.child
        child(name, url, int(count))
    rounds, count = (1, 300) if given.quick else (5, 3000)
    print(f"{table(rounds, count)}\n\n{conditions(rounds)}")


if __name__ == "__main__":
    main()
