"""The module is Segment's: the same calls, the same settings, one client behind it, made at the first call."""

from __future__ import annotations

import inspect
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
import segment.analytics

import analytics_posthog as analytics
from analytics_posthog import Client
from analytics_posthog.client import Client as ClientOfItsFile
from analytics_posthog.version import VERSION
from tests.support.posthog_server import PostHogServer

CALLS = ["track", "identify", "page", "screen", "alias", "group"]
OPTIONS = inspect.signature(Client).parameters
SEGMENT_S = inspect.signature(segment.analytics.Client).parameters

# A value of each option that can work and is not its default.
DISTINCTIVE: dict[str, Any] = {
    "write_key": "phc_distinctive",
    "host": "http://127.0.0.1:9",
    "debug": True,
    "max_queue_size": 77,
    "send": False,
    "on_error": lambda error, items: None,
    "gzip": True,
    "max_retries": 7,
    "sync_mode": True,
    "timeout": 7.5,
    "proxies": {"http": "http://127.0.0.1:9"},
    "thread": 3,
    "upload_size": 17,
    "upload_interval": 0.7,
    "log_handler": logging.NullHandler(),
    "oauth_client_id": "id",
    "oauth_client_key": "key",
    "oauth_key_id": "kid",
    "oauth_auth_server": "https://a.example",
    "oauth_scope": "scope",
    "max_total_backoff_duration": 70.5,
    "max_rate_limit_duration": 71.5,
    "group_type": "company",
    "person_profiles": "identified_only",
    "before_send": lambda event: event,
    "on_success": lambda items: None,
    "exit_timeout": 7,
    "block_when_full": 0.25,
    "outbox": "outbox",
    "outbox_max_bytes": 1_000_000,
    "outbox_sync": "disk",
    "segment_write_key": "segment-key",
    "segment_host": "http://127.0.0.1:9",
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each client of the module was made with."""
    made: list[dict[str, Any]] = []

    class Recorded(Client):
        def __init__(self, **options: Any) -> None:
            made.append(options)
            super().__init__(**options)

    monkeypatch.setattr(analytics, "Client", Recorded)
    return made


@pytest.fixture
def ready(posthog_server: PostHogServer) -> PostHogServer:
    """The module with a key, and the server as its host."""
    analytics.write_key = "phc_key"
    analytics.host = posthog_server.url
    return posthog_server


# Signatures


@pytest.mark.parametrize("call", CALLS)
def test_a_call_has_segment_s_signature(call: str) -> None:
    """Names, order and defaults, of the client's method and of the module's function."""
    expected = [
        (name, parameter.default)
        for name, parameter in inspect.signature(getattr(segment.analytics.Client, call)).parameters.items()
    ]
    ours = inspect.signature(getattr(Client, call)).parameters
    assert [(name, parameter.default) for name, parameter in ours.items()] == expected
    assert {parameter.kind for parameter in ours.values()} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    function = inspect.signature(getattr(analytics, call))
    assert function.parameters == {name: parameter for name, parameter in ours.items() if name != "self"}
    assert function.return_annotation == inspect.signature(getattr(Client, call)).return_annotation


def test_the_client_has_segment_s_parameters_in_its_order_and_ours_by_name_only() -> None:
    assert [(name, OPTIONS[name].default) for name in list(OPTIONS)[: len(SEGMENT_S)]] == [
        (name, parameter.default) for name, parameter in SEGMENT_S.items()
    ]
    ours = list(OPTIONS.values())[len(SEGMENT_S) :]
    assert {parameter.kind for parameter in ours} == {inspect.Parameter.KEYWORD_ONLY}
    assert {"group_type", "person_profiles", "before_send"} <= {parameter.name for parameter in ours}


def test_a_client_s_defaults_are_those_of_its_default_config() -> None:
    assert Client.DefaultConfig.__annotations__.keys() == OPTIONS.keys()
    assert {name: parameter.default for name, parameter in OPTIONS.items()} == {
        name: getattr(Client.DefaultConfig, name) for name in OPTIONS
    }
    for name in SEGMENT_S:
        assert getattr(Client.DefaultConfig, name) == getattr(segment.analytics.Client.DefaultConfig, name)


def test_what_segment_s_module_has_this_one_has() -> None:
    public = {name for name in vars(segment.analytics) if not name.startswith("_")}
    inside = {"client", "consumer", "oauth_manager", "request", "utils", "version", "test"}
    assert public - inside - set(vars(analytics)) == set()


# Settings


def test_every_option_is_a_setting_of_the_module_and_passed_on(
    made: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Client, "log", logging.getLogger("elsewhere"))
    assert DISTINCTIVE.keys() == OPTIONS.keys()
    for name, value in DISTINCTIVE.items():
        assert getattr(analytics, name) == OPTIONS[name].default != value, name
        monkeypatch.setattr(analytics, name, value)
    analytics.track("u1", "Bought")
    assert made == [DISTINCTIVE]


def test_settings_left_alone_are_the_client_s_defaults(made: list[dict[str, Any]]) -> None:
    analytics.write_key = ""
    analytics.track("u1", "Bought")
    assert made == [{**{name: parameter.default for name, parameter in OPTIONS.items()}, "write_key": ""}]


def test_settings_are_what_the_client_works_by(ready: PostHogServer) -> None:
    analytics.thread, analytics.upload_size, analytics.upload_interval, analytics.gzip = 3, 4, 0.2, True
    analytics.group_type, analytics.person_profiles = "company", "identified_only"
    analytics.before_send = lambda event: {**event, "properties": {**event["properties"], "seen": True}}
    for number in range(20):
        analytics.track(
            None, "Bought", {"number": number}, {"groupId": "g1"} if number == 0 else None, anonymous_id="a1"
        )
    assert analytics.flush()
    client: Any = analytics.default_client
    assert [consumer.is_alive() for consumer in client.consumers] == [True] * 3
    assert max(len(batch["batch"]) for batch in ready.batches) <= 4
    assert {request.headers["Content-Encoding"] for request in ready.requests} == {"gzip"}
    events = sorted((event["properties"] for event in ready.events), key=lambda own: own["number"])
    assert [own["seen"] for own in events] == [True] * 20
    assert (events[0]["$groups"], "$process_person_profile" in events[0]) == ({"company": "g1"}, False)
    assert events[1]["$process_person_profile"] is False


def test_settings_changed_after_the_first_call_are_ignored(ready: PostHogServer) -> None:
    analytics.track("u1", "Bought")
    analytics.write_key, analytics.host, analytics.group_type = "phc_other", "http://127.0.0.1:9", "company"
    analytics.group("u1", "g1")
    assert analytics.flush()
    assert {batch["api_key"] for batch in ready.batches} == {"phc_key"}
    assert ready.events[1]["properties"]["$group_type"] == "segment_group"


# The client behind it


@pytest.mark.parametrize("call", CALLS)
def test_the_function_does_what_the_method_does_by_position_and_by_name(call: str, ready: PostHogServer) -> None:
    values: dict[str, Any] = {
        "user_id": "u1", "previous_id": "a1", "group_id": "g1", "event": "Bought", "category": "Docs", "name": "Home",
        "properties": {"a": 1},
        "traits": {"b": 2}, "context": {"ip": "192.0.2.1"}, "timestamp": "2026-01-02T03:04:05Z", "anonymous_id": "a1",
        "integrations": {"All": True}, "message_id": "m1",
    }  # fmt: skip
    arguments = {name: values[name] for name in inspect.signature(getattr(analytics, call)).parameters}
    function = getattr(analytics, call)
    method = getattr(Client("phc_key", send=False), call)
    assert function(*arguments.values()) == function(**arguments) == method(**arguments) == method(*arguments.values())
    assert analytics.flush()
    assert len(ready.events) == 2


def test_sixteen_first_calls_at_once_make_one_client(ready: PostHogServer, made: list[dict[str, Any]]) -> None:
    together = threading.Barrier(16)
    clients = []

    def first_call(number: int) -> None:
        together.wait(10)
        analytics.track(f"u{number}", "Bought")
        clients.append(analytics.default_client)

    threads = [threading.Thread(target=first_call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert analytics.flush()
    assert len(made) == 1
    assert clients == [analytics.default_client] * 16
    assert sorted(event["distinct_id"] for event in ready.events) == sorted(f"u{number}" for number in range(16))


@pytest.mark.parametrize("end", ["shutdown", "join"])
def test_the_end_sends_all_and_lets_the_next_call_make_a_new_client(end: str, ready: PostHogServer) -> None:
    analytics.track("u1", "Before")
    first: Any = analytics.default_client
    getattr(analytics, end)()
    assert [event["event"] for event in ready.events] == ["Before"]
    assert (analytics.default_client, [consumer.is_alive() for consumer in first.consumers]) == (None, [False])
    getattr(analytics, end)()
    analytics.track("u1", "After")
    assert analytics.flush()
    assert analytics.default_client is not first
    assert [event["event"] for event in ready.events] == ["Before", "After"]


@pytest.mark.parametrize("name", ["flush", "join", "shutdown"])
@pytest.mark.parametrize("module", [analytics, segment.analytics])
def test_without_a_key_the_end_raises_too(module: Any, name: str) -> None:
    with pytest.raises(AssertionError, match="write_key must"):
        getattr(module, name)()
    assert module.default_client is None


def test_a_client_that_the_app_puts_there_is_used(ready: PostHogServer) -> None:
    analytics.default_client = own = Client("phc_own", ready.url)
    analytics.track("u1", "Bought")
    assert own.flush()
    assert ready.batches[0]["api_key"] == "phc_own"


def test_functions_imported_by_name_are_the_module_s(ready: PostHogServer) -> None:
    names: dict[str, Any] = {}
    exec("from analytics_posthog import *", names)
    assert names["track"]("u1", "Bought")[0] is True
    assert names["flush"]() is True
    assert len(ready.events) == 1


def test_the_version_is_one() -> None:
    assert analytics.__version__ == VERSION
    assert analytics.Client is ClientOfItsFile
