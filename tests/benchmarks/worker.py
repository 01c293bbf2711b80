"""The process that one client is measured in: reads a question a line, answers each with a line, all in JSON.

A question is {"measure": <name of a method of Worker>, <its arguments>}. Costs are in microseconds.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from .clients import BATCH, CLIENTS
from .events import Arguments

_DISTINCT = 100  # sets of arguments, made before the clock starts


class Worker:
    """Calls one client and measures; `called` counts the events that must arrive."""

    def __init__(self, name: str, host: str, options: dict[str, Any]) -> None:
        self._client = CLIENTS[name](host, **options)
        self._new_client = lambda: CLIENTS[name](host, **options)
        self.called = 0

    def cost(self, call: str, count: int) -> float:
        """CPU time of the calling thread for one call, while the other thread sends."""
        return self._cost(call, [self._client.arguments(call, number) for number in range(_DISTINCT)], count)

    def cost_with(self, properties: int, count: int) -> float:
        """The same for a track with so many properties."""
        return self._cost(
            "track", [self._client.arguments_with(properties, number) for number in range(_DISTINCT)], count
        )

    def cost_in_threads(self, threads: int, count: int) -> float:
        """The same for a track that many threads call at once, `count` times in all."""
        method, arguments = (
            self._client.call("track"),
            [self._client.arguments("track", number) for number in range(_DISTINCT)],
        )
        self._warm_up(method, arguments)
        spent: list[float] = []
        begin = threading.Barrier(threads)

        def run() -> None:
            begin.wait()
            spent.append(_thread_time(method, arguments, count // threads))

        running = [threading.Thread(target=run) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        self._done(count // threads * threads)
        return sum(spent) / (count // threads * threads)

    def cost_when_queued(self, marks: list[int]) -> list[float]:
        """The same on the way to each of these lengths of the queue, with nothing sent; the events are small."""
        client = self._paused_client()
        method, arguments = client.call("track"), [client.arguments_with(3, number) for number in range(_DISTINCT)]
        costs: list[float] = []
        for begin, end in zip([0, *marks], marks, strict=False):
            costs.append(_thread_time(method, arguments, end - begin) / (end - begin))
        _check_queued(client, marks[-1])
        return costs

    def switches(self, count: int) -> float:
        """How often a track gives the processor away, as when another thread takes the interpreter's lock."""
        method, arguments = (
            self._client.call("track"),
            [self._client.arguments("track", number) for number in range(_DISTINCT)],
        )
        self._warm_up(method, arguments)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        for keywords in _times(arguments, count):
            method(**keywords)
        switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
        self._done(count)
        return switches / count

    def latency(self, count: int) -> dict[str, float]:
        """How long a track takes, by the clock on the wall, while the other thread sends."""
        method, arguments = (
            self._client.call("track"),
            [self._client.arguments("track", number) for number in range(_DISTINCT)],
        )
        self._warm_up(method, arguments)
        clock = time.perf_counter_ns
        taken: list[int] = []
        for keywords in _times(arguments, count):
            begin = clock()
            method(**keywords)
            taken.append(clock() - begin)
        self._done(count)
        taken.sort()
        return {"p50": taken[count // 2] / 1e3, "p99": taken[count * 99 // 100] / 1e3, "worst": taken[-1] / 1e3}

    def throughput(self, count: int) -> dict[str, float]:
        """Events a second from the first call until the last is sent, and the whole process's CPU time for each."""
        method, arguments = (
            self._client.call("track"),
            [self._client.arguments("track", number) for number in range(_DISTINCT)],
        )
        self._warm_up(method, arguments)
        begin, cpu = time.perf_counter(), time.process_time()
        for keywords in _times(arguments, count):
            method(**keywords)
        self._done(count)
        return {"throughput": count / (time.perf_counter() - begin), "cpu": (time.process_time() - cpu) * 1e6 / count}

    def memory(self, count: int) -> float:
        """Bytes that a track has on the queue, once the app has let go of what it called it with."""
        client = self._paused_client()
        method = client.call("track")
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            method(**client.arguments("track", number))
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        _check_queued(client, count)
        return used / count

    def _cost(self, call: str, arguments: list[Arguments], count: int) -> float:
        method = self._client.call(call)
        self._warm_up(method, arguments)
        spent = _thread_time(method, arguments, count)
        self._done(count)
        return spent / count

    def _warm_up(self, method: Callable[..., Any], arguments: list[Arguments]) -> None:
        """Make the connection and the caches, and have the sending thread begin a batch just when the clock starts."""
        gc.collect()
        for keywords in _times(arguments, 2 * BATCH):
            method(**keywords)
        self._done(2 * BATCH)

    def _done(self, count: int) -> None:
        self._client.wait()
        self.called += count

    def _paused_client(self) -> Any:
        client = self._new_client()
        client.pause()
        gc.collect()
        return client


def _times(arguments: list[Arguments], count: int) -> list[Arguments]:
    return (arguments * (count // len(arguments) + 1))[:count]


def _thread_time(method: Callable[..., Any], arguments: list[Arguments], count: int) -> float:
    chosen = _times(arguments, count)
    begin = time.thread_time_ns()
    for keywords in chosen:
        method(**keywords)
    return (time.thread_time_ns() - begin) / 1e3


def _check_queued(client: Any, count: int) -> None:
    queued = client.client.queue.qsize()
    if queued != count:
        raise RuntimeError(f"{queued} of {count} events are on the queue")


def main() -> None:
    name, host, options = sys.argv[1:]
    worker = Worker(name, host, json.loads(options))
    print("ready", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        measure = question.pop("measure")
        print(json.dumps(worker.called if measure == "called" else getattr(worker, measure)(**question)), flush=True)


if __name__ == "__main__":
    main()
