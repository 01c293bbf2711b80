"""A setting that can't work says so at the first call, by its name; one that can does what it says."""

from __future__ import annotations

import logging
import threading
import traceback
from decimal import Decimal
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import AnalyticsError, Client, DeliveryError, InvalidSetting
from tests.support.posthog_server import PostHogServer

KEY = "phc_4111111111111111"
HOSTS = "https://us.i.posthog.com, https://eu.i.posthog.com or your own PostHog's"
NO_HOST = f"host must be a URL with its scheme, such as {HOSTS}"
SEGMENT_S_HOST = f"host is Segment's. Events go to PostHog now: set host to {HOSTS}"
WHERE = "Find it in PostHog under Settings > Project > General, and set analytics.write_key before the first call"
NO_GROUP_TYPE = (
    "group_type must be the name of a group type in PostHog, such as 'company', "
    "or a function that returns it for a message"
)
PERSONAL = (
    "write_key is a personal API key (phx_...), which can't capture events. Take the project API key (phc_...) "
    f"from Settings > Project > General in PostHog, and set host to {HOSTS}"
)
NO_SEGMENT_KEY = (
    "segment_write_key is PostHog's. Set it to the write key of your source in Segment, and write_key to PostHog's"
)
NO_SEGMENT_HOST = (
    "segment_host is PostHog's, which host is for. Leave it out, or set it to Segment's, such as https://api.segment.io"
)

# Setting, value: the whole text of the error.
UNUSABLE: list[tuple[str, Any, str]] = [
    ("write_key", None, f"write_key must be your PostHog project API key (phc_...), got None. {WHERE}"),
    ("write_key", KEY.encode(), f"write_key must be your PostHog project API key (phc_...), got bytes. {WHERE}"),
    ("write_key", "phx_4111", PERSONAL),
    ("write_key", " phx_4111", PERSONAL),
    ("host", "us.i.posthog.com", NO_HOST),
    ("host", "localhost:8000", NO_HOST),
    ("host", "//us.i.posthog.com", NO_HOST),
    ("host", "ftp://us.i.posthog.com", NO_HOST),
    ("host", "https://", NO_HOST),
    ("host", "https://:443", NO_HOST),
    ("host", "http://[::1", NO_HOST),
    ("host", "https://us.i.posthog.com:https", NO_HOST),
    ("host", "https://us.i. posthog.com", NO_HOST),
    ("host", b"https://us.i.posthog.com", f"host must be a string such as {HOSTS}, got bytes"),
    ("host", "api.segment.io", NO_HOST),
    ("host", "https://api.segment.io", SEGMENT_S_HOST),
    ("host", "https://API.Segment.io./v1/", SEGMENT_S_HOST),
    ("host", "https://events.eu1.segmentapis.com", SEGMENT_S_HOST),
    ("group_type", "", NO_GROUP_TYPE),
    ("group_type", 0, NO_GROUP_TYPE),
    ("person_profiles", "never", "person_profiles must be one of 'always', 'identified_only'"),
    ("person_profiles", None, "person_profiles must be one of 'always', 'identified_only'"),
    ("on_error", "print", "on_error must be a function, got str"),
    ("on_success", ["print"], "on_success must be a function, got list"),
    ("before_send", {"a": 1}, "before_send must be a function, got dict"),
    ("log_handler", "handler", "log_handler must be a logging.Handler, got str"),
    ("proxies", "http://proxy:3128", "proxies must be a dict such as {'https': 'http://proxy:3128'}, got str"),
    ("outbox", 5, "outbox must be the path of a directory, got int"),
    ("outbox_sync", "never", "outbox_sync must be one of 'os', 'disk'"),
    ("segment_write_key", 5, "segment_write_key must be the write key of your source in Segment, got int"),
    ("segment_write_key", " phc_4111", NO_SEGMENT_KEY),
    ("segment_host", "api.segment.io", "segment_host must be a URL with its scheme, such as https://api.segment.io"),
    (
        "segment_host",
        "https://api.segment.io?a=1",
        "segment_host must be a URL with its scheme, such as https://api.segment.io",
    ),
    ("segment_host", 5, "segment_host must be a string such as https://api.segment.io, got int"),
    ("segment_host", "https://eu.i.posthog.com", NO_SEGMENT_HOST),
]
NUMBERS: dict[str, tuple[str, list[Any]]] = {
    "max_queue_size": ("a whole number", [1.5, None, "100", True]),
    "max_retries": ("a whole number", [0.5, None]),
    "thread": ("a whole number from 1", [0, -1, 1.0, None]),
    "upload_size": ("a whole number from 1", [0, -1, None]),
    "outbox_max_bytes": ("a whole number from 1", [0, None]),
    "upload_interval": ("a number from 0 to 1000000", [-0.1, None, float("nan"), float("inf"), Decimal(1)]),
    "exit_timeout": ("a number from 0 to 1000000", [-1, None]),
    "block_when_full": ("a number from 0 to 1000000", [-1, None, 10**7]),
    "timeout": ("a number above 0 to 1000000", [0, -1, None, float("inf"), (3, 10)]),
    "max_total_backoff_duration": ("a number from 0", [-1, None, float("nan"), "1"]),
    "max_rate_limit_duration": ("a number from 0", [-1, None]),
}
UNUSABLE += [
    (name, value, f"{name} must be {what}, got {value if isinstance(value, (int, float)) else type(value).__name__}")
    for name, (what, values) in NUMBERS.items()
    for value in values
]


@pytest.fixture(autouse=True)
def _log_as_before() -> Any:
    handlers, level = list(Client.log.handlers), Client.log.level
    yield
    Client.log.handlers[:] = handlers
    Client.log.setLevel(level)


@pytest.mark.parametrize(
    ("name", "value", "text"), UNUSABLE, ids=[f"{name}={value!r}"[:40] for name, value, _ in UNUSABLE]
)
def test_a_setting_that_cannot_work_is_an_error_that_names_it(
    name: str, value: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once in a client of one's own, and at the first call of the module."""
    before = threading.active_count()
    with pytest.raises(InvalidSetting) as raised:
        Client(**{"write_key": KEY, name: value})
    assert str(raised.value) == text
    monkeypatch.setattr(analytics, "write_key", KEY)
    monkeypatch.setattr(analytics, name, value)
    with pytest.raises(InvalidSetting) as raised:
        analytics.track("u1", "Bought")
    assert str(raised.value) == text
    assert (analytics.default_client, threading.active_count()) == (None, before)


@pytest.mark.parametrize("kind", [AssertionError, ValueError, AnalyticsError])
def test_an_unusable_setting_is_caught_as_segment_s_was(kind: type[Exception]) -> None:
    with pytest.raises(kind):
        analytics.identify("u1")
    with pytest.raises(kind):
        Client(KEY, max_rate_limit_duration=-1)


USABLE = [
    {"max_queue_size": 0}, {"max_queue_size": -1}, {"max_retries": 0}, {"max_retries": -1},
    {"proxies": {"https": None}}, {"upload_interval": 0}, {"timeout": 0.001}, {"proxies": {}},
    {"max_total_backoff_duration": float("inf")}, {"max_rate_limit_duration": 0}, {"on_error": None},
    {"log_handler": None}, {"person_profiles": "identified_only"}, {"segment_write_key": ""},
    {"host": ""}, {"host": "http://[::1]:8000"}, {"host": "https://a.example/ingest"},
    {"host": "https://notsegmentapis.com"}, {"segment_write_key": "key", "segment_host": ""},
    {"segment_host": "https://events.eu1.segmentapis.com/"},
]  # fmt: skip


@pytest.mark.parametrize("usable", USABLE, ids=str)
def test_what_can_work_is_taken(usable: dict[str, Any]) -> None:
    assert Client(KEY, send=False, **usable).track("u1", "Bought")[0] is True


@pytest.mark.parametrize("key", ["", "   "])
def test_an_empty_key_sends_nothing_starts_nothing_and_says_so_once(
    key: str, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = set(threading.enumerate())
    client = Client(key, posthog_server.url)
    answers = [client.track("u1", "Bought"), client.identify("u1", {"a": 1}), client.alias("a1", "u1")]
    assert [(accepted, message["userId"]) for accepted, message in answers] == [(True, "u1")] * 3
    assert set(threading.enumerate()) == before
    assert client.flush(1) is True
    client.shutdown()
    warning = (
        "analytics_posthog",
        logging.WARNING,
        "write_key is empty, so nothing is sent. Set it to the project API key (phc_...)",
    )
    assert caplog.record_tuples == [warning]
    assert posthog_server.requests == []


def test_without_send_nothing_is_sent_and_no_thread_started(posthog_server: PostHogServer) -> None:
    before = set(threading.enumerate())
    with Client(KEY, posthog_server.url, send=False) as client:
        assert client.track("u1", "Bought")[0] is True
        assert set(threading.enumerate()) == before
    assert posthog_server.requests == []


@pytest.mark.parametrize("host", ["{}", "{}/", " {}//\n", "{}/ingest/"])
def test_blanks_around_key_and_host_and_slashes_at_its_end_do_no_harm(host: str, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (200, {}, b'{"status":"Ok"}') if request.path == "/ingest/batch/" else None
    with Client(f"  {KEY}\n", host.format(posthog_server.url)) as client:
        client.track("u1", "Bought")
        client.flush()
    (request,) = posthog_server.requests
    assert (request.path, request.json()["api_key"]) == ("/ingest/batch/" if "ingest" in host else "/batch/", KEY)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "https://us.i.posthog.com"),
        ("", "https://us.i.posthog.com"),
        ("https://eu.i.posthog.com/", "https://eu.i.posthog.com"),
        ("https://eu.posthog.com", "https://eu.i.posthog.com"),  # the app's address, not that of the events
        ("https://a.example", "https://a.example"),
    ],
)
def test_events_go_to(given: str | None, expected: str) -> None:
    client = Client(KEY, given, send=False)
    assert client.posthog.host == expected
    assert client.host == given


def test_oauth_settings_are_taken_and_answered_by_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    Client(
        KEY,
        send=False,
        oauth_client_id="id",
        oauth_client_key=KEY,
        oauth_key_id="kid",
        oauth_scope="s",
        oauth_auth_server="https://a",
    )
    text = "the oauth settings do nothing: PostHog needs the project API key alone. Remove them"
    assert caplog.record_tuples == [("analytics_posthog", logging.WARNING, text)]


def test_the_key_stands_in_no_error_no_repr_and_no_log(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "analytics_posthog")
    reported: list[Exception] = []
    texts: list[str] = []
    for status in (200, 400, 401, 403, 404, 413, 500, None):
        answer: Any = (status, {}, KEY.encode()) if status else "reset"
        posthog_server.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        options: dict[str, Any] = {
            "debug": True,
            "max_retries": 0,
            "timeout": 2,
            "on_error": lambda error, _: reported.append(error),
        }
        with Client(KEY, posthog_server.url, **options) as client:
            client.track("u1", "Bought")
            client.flush()
            parts = (client, client._settings, client._route, client._route.delivery, client._official, client.posthog)
            texts += map(repr, (*parts, client.stats()))
        try:
            Client(KEY, posthog_server.url, sync_mode=True, **options).track("u1", "Bought")
        except DeliveryError as error:
            texts += traceback.format_exception(error)
    for name, value in (
        ("host", f"phc:{KEY}@us.i.posthog.com"),
        ("host", f"https://{KEY}@api.segment.io"),
        ("write_key", f"phx_{KEY}"),
    ):
        with pytest.raises(InvalidSetting) as raised:
            Client(**{"write_key": KEY, name: value})
        texts += traceback.format_exception(raised.value)
    assert len(reported) == 8
    assert KEY not in "".join(texts) + str(reported) + repr(reported) + caplog.text


def test_debug_logs_to_standard_error_only_if_nobody_else_listens(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    Client.log.handlers[:] = []
    Client(KEY, send=False)
    assert (Client.log.handlers, Client.log.level) == ([], logging.NOTSET)
    Client(KEY, send=False, debug=True, log_handler=handler)
    assert (Client.log.handlers, Client.log.level) == ([handler], logging.DEBUG)
    Client(KEY, send=False, debug=True)
    assert Client.log.handlers == [handler]
