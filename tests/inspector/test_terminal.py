"""A stopped terminal, or a line that can't be written, never disturbs the app."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import threading

import httpx
import pytest
import requests

from analytics_posthog._inspector.app import Inspector
from analytics_posthog._inspector.guard import Reach
from analytics_posthog._inspector.store import Kept
from analytics_posthog._inspector.terminal import MOST_LINES, Terminal
from tests.support.child_process import environment
from tests.support.inspector_process import COMMAND, KEY

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}
MANY = 3_000  # lines: more than a pipe and the queue hold


def test_an_output_that_nobody_reads_delays_no_request_and_counts_the_lines_left_out() -> None:
    read_end, write_end = os.pipe()
    command = [*COMMAND, "--port", "0", "--plain"]
    with subprocess.Popen(command, env=environment(), stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        assert process.stderr is not None
        url = process.stderr.readline().partition(" is at ")[2].partition("/ ")[0]
        for _ in range(2):
            answer = requests.post(url + "/batch/", json={"api_key": KEY, "batch": [EVENT] * (MANY // 2)}, timeout=20)
            assert (answer.status_code, answer.json()) == (200, {"status": 1})
        assert requests.get(url, timeout=20).status_code == 200
        lines, missing = [], 0
        with open(read_end, encoding="utf-8") as output:
            while not missing:
                lines.append(output.readline())
                missing = int((re.match(r"\((\d+) lines left out", lines[-1]) or [0, 0])[1])
            process.terminate()
            assert process.wait(10) == 143
    assert (len(lines) - 1 + missing, len(lines) > MOST_LINES) == (MANY, True)


def test_it_ends_also_while_nobody_reads() -> None:
    read_end, write_end = os.pipe()
    command = [*COMMAND, "--port", "0", "--plain"]
    with subprocess.Popen(command, env=environment(), stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        assert process.stderr is not None
        url = process.stderr.readline().partition(" is at ")[2].partition("/ ")[0]
        requests.post(url + "/batch/", json={"api_key": KEY, "batch": [EVENT] * MANY}, timeout=20).raise_for_status()
        process.terminate()
        assert process.wait(15) == 143
        assert "Fatal" not in process.stderr.read()
        os.close(read_end)


def test_a_character_that_the_stream_s_encoding_lacks_is_escaped() -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="ascii") as stream:
        terminal = Terminal(stream)
        terminal.write("é \u2028")
        terminal.close()
    with open(read_end, encoding="ascii") as written:
        assert written.read() == "\\xe9 \\u2028\n"


def test_a_closed_stream_is_reported_once() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    closed = threading.Event()
    with open(write_end, "w", encoding="utf-8") as stream:
        terminal = Terminal(stream)
        terminal.closed = closed.set
        terminal.write("x")
        assert closed.wait(10)
        terminal.write("y")
        terminal.close()
    assert isinstance(terminal.error, BrokenPipeError)


@pytest.mark.parametrize("error", [TypeError("phc_secret"), RecursionError(), OSError()])
def test_an_event_whose_line_fails_is_still_kept_and_answered(error: Exception) -> None:
    said: list[str] = []

    def show(kept: Kept) -> None:
        raise error

    async def send_and_look() -> None:
        app = Inspector(show=show, say=said.append).asgi(Reach())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8765"
        ) as client:
            answer = await client.post("/batch/", content=json.dumps({"api_key": KEY, "batch": [EVENT]}))
            assert (answer.status_code, answer.json()) == (200, {"status": 1})
            assert (await client.get("/inspector/events/1")).json()["event"] == EVENT

    asyncio.run(send_and_look())
    assert said == [f"analytics-posthog: event 1 has no line ({type(error).__name__}); the page has it"]
