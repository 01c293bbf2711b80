"""The command `inspect`: its options, where events go, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import requests

import analytics_posthog as analytics
from tests.support.child_process import environment, run_python
from tests.support.inspector_process import COMMAND, KEY, App, Inspector, awaited
from tests.support.posthog_server import PostHogServer

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}


def test_plain_writes_a_line_for_each_event_without_control_characters() -> None:
    with Inspector("--plain") as inspector:
        with App(inspector.url) as app:
            app.track("Order Completed", "u1", amount=49.99)
            app.track("\x1b[31mred\x1b]0;t\x07", "u\r\n2")
        awaited(lambda: len(inspector.output) == 2)
        inspector.end()
    first, second = inspector.output
    assert first[12:] == '  track     "Order Completed"  u1  amount=49.99'
    assert second[12:] == r'  track     "\u001b[31mred\u001b]0;t\u0007"  u\r\n2'


def test_a_closed_output_ends_the_inspector_and_harms_no_app() -> None:
    read_end, write_end = os.pipe()
    command = [*COMMAND, "--port", "0", "--plain"]
    with subprocess.Popen(command, env=environment(), stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        os.close(read_end)
        assert process.stderr is not None
        url = process.stderr.readline().partition(" is at ")[2].partition("/ ")[0]
        answer = requests.post(url + "/batch/", json={"api_key": KEY, "batch": [EVENT, EVENT]}, timeout=10)
        assert (answer.status_code, answer.json()) == (200, {"status": 1})
        assert process.wait(10) == 141


def test_forward_sends_the_same_request_with_the_app_s_key_and_returns_posthog_s_answer(
    posthog_server: PostHogServer,
) -> None:
    with Inspector("--forward", POSTHOG_HOST=posthog_server.url) as inspector:
        assert f"forwarded to {posthog_server.url}" in inspector.errors[1]
        with analytics.Client(KEY, inspector.url, gzip=True) as client:
            _, message = client.track("u1", "x")
        assert [batch["api_key"] for batch in posthog_server.batches] == [KEY]
        assert {name.lower(): value for name, value in posthog_server.requests[0].headers.items()}[
            "content-encoding"
        ] == "gzip"
        assert posthog_server.events == [inspector.event(1)["event"]]
        assert message["event"] == "x"
        posthog_server.answer = lambda request: (401, {}, b'{"detail":"no"}')
        answer = inspector.post({"api_key": KEY, "batch": [EVENT]})
        assert (answer.status_code, answer.json()) == (401, {"detail": "no"})
        assert "PostHog's answer was 401" in inspector.event(2)["warnings"][0]["text"]
        posthog_server.stop()
        assert inspector.post({"api_key": KEY, "batch": [EVENT]}).status_code == 502
        assert KEY not in json.dumps(inspector.messages(2))


def test_forward_sends_flag_requests_and_returns_posthog_s_answer(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (
        200,
        {"ETag": '"1"', "Set-Cookie": "who=ada"},
        b'{"flags":{"new":{"enabled":true}}}',
    )
    asked = [
        ("POST", "/flags/?v=4"),
        ("GET", "/decide/?v=3"),
        ("GET", "/flags/definitions?token=x&send_cohorts"),
        ("GET", "/api/feature_flag/local_evaluation/?token=x"),
    ]
    headers = {"Authorization": "Bearer phx_1", "If-None-Match": '"0"', "Cookie": "who=grace"}
    with Inspector("--forward-to", posthog_server.url) as inspector:
        for method, path in asked:
            answer = requests.request(method, inspector.url + path, headers=headers, timeout=10)
            assert (answer.json(), answer.headers["ETag"], answer.cookies.get_dict()) == (
                {"flags": {"new": {"enabled": True}}},
                '"1"',
                {},
            )
    assert [(request.method, request.path) for request in posthog_server.requests] == asked
    kept = [{name.lower(): value for name, value in request.headers.items()} for request in posthog_server.requests]
    assert {(sent["authorization"], sent["if-none-match"], sent.get("cookie")) for sent in kept} == {
        ("Bearer phx_1", '"0"', None)
    }


def test_forward_lets_posthog_refuse(posthog_server: PostHogServer) -> None:
    """A request that PostHog takes must not fail in the app because the inspector is between them."""
    with Inspector("--forward-to", posthog_server.url) as inspector:
        bad = {"api_key": KEY, "batch": [EVENT, {"event": "", "distinct_id": "u"}]}
        posthog_server.answer = lambda request: (200, {}, b'{"status":"Ok"}')
        assert inspector.post(bad).json() == {"status": "Ok"}
        assert inspector.post(b"{").json() == {"status": "Ok"}
        assert (
            "its request has what PostHog refuses: an event without a name" in inspector.event(1)["warnings"][0]["text"]
        )
        posthog_server.answer = lambda request: (400, {}, b'{"detail":"PostHog says no"}')
        assert (inspector.post(bad).status_code, inspector.post(bad).json()) == (400, {"detail": "PostHog says no"})
        assert [json.loads(request.body) for request in posthog_server.requests[2:]] == [bad, bad]
        said = "analytics-posthog: a request was forwarded, though PostHog may refuse it: an event without a name (400)"
        awaited(lambda: inspector.errors[2:].count(said) == 3)
        assert inspector.post(b" " * (20 * 2**20 + 1)).status_code == 413
    assert len(posthog_server.requests) == 4


def test_a_password_in_posthog_s_address_is_not_shown(posthog_server: PostHogServer) -> None:
    address = posthog_server.url.replace("http://", "http://ada:geheim@")
    with Inspector("--forward-to", address) as inspector:
        assert f"forwarded to {posthog_server.url} with" in inspector.errors[1]
        assert "geheim" not in "".join(inspector.errors)


def test_without_forward_nothing_leaves_the_machine_whatever_the_environment_says(
    posthog_server: PostHogServer,
) -> None:
    with Inspector(POSTHOG_HOST=posthog_server.url) as inspector:
        inspector.send(EVENT)
        assert "nothing leaves this machine" in inspector.errors[1]
    assert posthog_server.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "Add --allow-remote if that is meant"),
        (["--host", "192.0.2.1"], "Add --allow-remote if that is meant"),
        (["--host", "192.0.2.1", "--allow-remote"], "can't listen on 192.0.2.1"),
        (["--host", "evil.example"], "must be an IP address"),
        (["--port", "65536"], "from 0 to 65535"),
        (["--forward"], "set $POSTHOG_HOST"),
        (["--forward-to", "eu.i.posthog.com"], "must be a URL"),
        (["--forward-to", "http://127.0.0.1:8765"], "to the inspector itself"),
        (["--forward-to", "https://api.segment.io"], "host is Segment's"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_options_that_can_t_work_are_errors_in_words(arguments: list[str], words: str) -> None:
    done = run_python(*COMMAND[1:], *arguments, POSTHOG_HOST="")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_an_error_in_words(posthog_server: PostHogServer) -> None:
    done = run_python(*COMMAND[1:], "--port", str(posthog_server.port))
    assert (done.returncode, "Choose another with --port" in done.stderr) == (2, True)


def test_a_missing_extra_is_an_error_in_words() -> None:
    script = (
        "import sys; sys.modules['starlette'] = None\n"
        "from analytics_posthog._cli.main import main\n"
        "sys.exit(main(['inspect']))"
    )
    done = run_python("-c", script)
    assert done.returncode == 2
    assert (
        done.stderr == "analytics-posthog: error: inspect needs starlette: pip install 'analytics-posthog[inspect]'\n"
    )


def test_with_another_address_it_warns_and_takes_this_machine_s_names() -> None:
    with Inspector("--host", "0.0.0.0", "--allow-remote") as inspector:
        assert "anyone who can reach this address can read the events" in inspector.errors[2]
        names = {"10.1.2.3:8765": 200, "inspector:8765": 200, "evil.example": 403}
        assert {
            name: requests.get(inspector.url, headers={"Host": name}, timeout=5).status_code for name in names
        } == names


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGTERM, 143, []), (signal.SIGINT, 130, ["analytics-posthog: stopped"])]
)
def test_it_ends_at_once_also_while_a_page_listens(number: int, code: int, said: list[str]) -> None:
    with Inspector() as inspector:
        with requests.get(inspector.url + "/inspector/stream", stream=True, timeout=10) as listening:
            next(listening.iter_lines(chunk_size=1))
            began = time.monotonic()
            assert inspector.end(number) == code
        assert time.monotonic() - began < 5
    assert inspector.errors[2:] == said


def test_nothing_is_imported_for_the_help() -> None:
    """So that the other commands need no extra."""
    code = "import sys\nimport analytics_posthog._cli.inspect\nassert not {'starlette', 'uvicorn'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0
