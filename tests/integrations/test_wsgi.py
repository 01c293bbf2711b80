"""The WSGI middleware, with a real server: what a view calls carries the request, until its response is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import httpx
import pytest

import analytics_posthog as analytics
from analytics_posthog._message import current_request
from analytics_posthog.errors import InvalidSetting
from analytics_posthog.integrations.wsgi import AnalyticsMiddleware
from tests.support.posthog_server import PostHogServer
from tests.support.web import HEADERS, PATH, QUERY, expected

Environ = dict[str, Any]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an app, and yield its url."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def get(url: str, **headers: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as browser:
        return browser.get(url, headers={**HEADERS, **headers})


def view(environ: Environ, start: Callable[..., Any]) -> list[bytes]:
    analytics.track("u1", "Bought")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


@pytest.fixture(autouse=True)
def module(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host, analytics.upload_interval = "phc_key", posthog_server.url, 0.01


@pytest.mark.parametrize(
    ("trusted", "ip"), [([], "127.0.0.1"), (["127.0.0.1"], "203.0.113.7"), (["192.0.2.0/24"], "127.0.0.1")], ids=str
)
def test_a_call_in_a_view_carries_the_request(trusted: list[str], ip: str, posthog_server: PostHogServer) -> None:
    with serving(validator(AnalyticsMiddleware(validator(view), trusted_proxies=trusted))) as base:
        assert get(f"{base}{PATH}{QUERY}").text == "done"
    (event,) = posthog_server.wait_for(1)
    assert event["properties"] == expected(base, ip)


def test_the_parts_of_a_streamed_response_and_its_close_have_the_request(posthog_server: PostHogServer) -> None:
    closed = []

    class Response:
        def __iter__(self) -> Iterator[bytes]:
            for part in (b"a", b"b"):
                analytics.track("u1", f"Part {part.decode()}")
                yield part

        def close(self) -> None:
            closed.append(current_request())
            analytics.track("u1", "Closed")

    def streaming(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return Response()

    with serving(validator(AnalyticsMiddleware(streaming))) as base:
        assert get(f"{base}/a").text == "ab"
    events = posthog_server.wait_for(3)
    assert [(event["event"], event["properties"]["$pathname"]) for event in events] == [
        ("Part a", "/a"),
        ("Part b", "/a"),
        ("Closed", "/a"),
    ]
    assert len(closed) == 1


def test_between_the_parts_of_a_response_the_thread_is_in_no_request() -> None:
    def streaming(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        yield b"a"
        yield b"b"

    response = AnalyticsMiddleware(streaming)({"PATH_INFO": "/a"}, lambda *_: None)
    for _ in response:
        assert current_request() is None
    assert current_request() is None


def test_a_file_is_left_for_the_server_to_send() -> None:
    def sending(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](open(__file__, "rb"))  # noqa: SIM115
        return wrapped

    response = AnalyticsMiddleware(sending)({"PATH_INFO": "/", "wsgi.file_wrapper": FileWrapper}, lambda *_: None)
    assert isinstance(response, FileWrapper)
    response.close()


def test_an_error_of_the_view_is_the_server_s_and_ends_the_request() -> None:
    def broken(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        AnalyticsMiddleware(broken)({"PATH_INFO": "/"}, lambda *_: None)
    assert current_request() is None


HOSTILE: dict[str, Environ] = {
    "nothing": {},
    "bytes that are no UTF-8": {"PATH_INFO": "/\xff\xfe", "QUERY_STRING": "\xff", "HTTP_HOST": "\xff"},
    "characters that are no bytes": {"PATH_INFO": "/\u20ac", "HTTP_HOST": "\u20ac"},
    "a lone surrogate": {"PATH_INFO": "/\ud800", "HTTP_USER_AGENT": "\ud800", "HTTP_REFERER": "\ud800"},
    "long ones": {"PATH_INFO": "/" + "a" * 9000, "HTTP_ACCEPT_LANGUAGE": "de," * 9000, "HTTP_USER_AGENT": "x" * 9000},
    "control characters": {"HTTP_HOST": "a\r\nb", "HTTP_X_FORWARDED_FOR": "\x00", "HTTP_ACCEPT_LANGUAGE": "\x00"},
}


@pytest.mark.parametrize("environ", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_reaches_the_view_and_its_event_arrives(
    environ: Environ, posthog_server: PostHogServer
) -> None:
    app = AnalyticsMiddleware(view, trusted_proxies=["unix"])
    assert app(environ, lambda *_: None) == [b"done"]
    assert [event["event"] for event in posthog_server.wait_for(1)] == ["Bought"]


def test_a_wrong_trusted_proxy_is_said_at_the_start() -> None:
    with pytest.raises(InvalidSetting, match=r"trusted_proxies: 'nginx' is no address"):
        AnalyticsMiddleware(view, trusted_proxies=["nginx"])
