"""Every request has a deadline for the whole answer, and reads no more of it than a little."""

from __future__ import annotations

import resource
import socket
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics_posthog import Client
from tests.support.callbacks import Reports, stats
from tests.support.clock import seconds_of
from tests.support.posthog_server import PostHogServer
from tests.support.raw_server import raw_server

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"Ok"}'
Answer = Callable[[socket.socket, threading.Event], None]


def trickling(data: bytes) -> Answer:
    def answer(connection: socket.socket, stopped: threading.Event) -> None:
        for place in range(len(data)):
            connection.sendall(data[place : place + 1])
            if stopped.wait(0.2):
                return

    return answer


def endless(head: bytes, chunk: bytes) -> Answer:
    def answer(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(head)
        for _ in range(20_000):  # over a gigabyte
            connection.sendall(chunk)
            if stopped.is_set():
                return

    return answer


@pytest.mark.parametrize("begun", [0, len(OK) - 14], ids=["from the status line on", "in the body"])
def test_an_answer_of_a_byte_now_and_then_ends_with_the_timeout(begun: int) -> None:
    reports = Reports()
    slow = trickling(OK[begun:])

    def answer(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(OK[:begun])
        slow(connection, stopped)

    with raw_server(answer) as url:
        client = Client("phc_key", url, timeout=1, max_retries=1, **reports.options())
        client.track("u1", "Bought")
        assert seconds_of(lambda: client.flush(20)) < 5  # two tries
        assert client.stats() == stats(1, failed=1)
        assert "Timeout" in str(reports.errors[0][0])
        client.shutdown()


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("where", ["body", "headers"])
def test_an_endless_answer_is_read_only_a_little(status: int, where: str) -> None:
    head = b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\n" % status
    chunk = b"x" * 65536
    answer = endless(head + b"\r\n", chunk) if where == "body" else endless(head, b"X-A: " + b"a" * 1000 + b"\r\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with raw_server(answer) as url:
        client = Client("phc_key", url, timeout=5, max_retries=0)
        client.track("u1", "Bought")
        assert seconds_of(lambda: client.flush(20)) < 4
        assert client.stats() == stats(1, failed=1)
        client.shutdown()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_an_answer_that_unzips_to_gigabytes_is_unzipped_only_a_little() -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join([packer.compress(bytes(1 << 24)) for _ in range(60)]) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(head + packed)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with raw_server(answer) as url:
        client = Client("phc_key", url, max_retries=0)
        client.track("u1", "Bought")
        assert seconds_of(lambda: client.flush(20)) < 4
        assert client.stats() == stats(1, failed=1)
        client.shutdown()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_a_zipped_answer_of_posthog_s_is_understood(posthog_server: PostHogServer) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b'{"status":"Ok"}') + packer.flush()
    posthog_server.answer = lambda request: (
        200,
        {"Content-Encoding": "gzip"},
        posthog_server.take(request)[2] and packed,
    )
    with Client("phc_key", posthog_server.url, max_retries=0) as client:
        client.track("u1", "Bought")
        client.track("u2", "Bought")
    assert client.stats() == stats(2, delivered=2)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_other_host_gets_the_key_and_the_events(
    status: int, posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    reports = Reports()
    posthog_server.answer = lambda _: (status, {"Location": segment_server.url + "/batch/"}, b"")
    with Client("phc_key", posthog_server.url, **reports.options()) as client:
        client.track("u1", "Bought")
    assert segment_server.requests == []
    ((error, _),) = reports.errors
    assert (getattr(error, "status", None), getattr(error, "code", None)) == (status, "redirect")


def test_a_redirect_with_a_query_is_not_followed(posthog_server: PostHogServer) -> None:
    """The query could hold the key, and urllib3 logs it."""
    posthog_server.answer = lambda _: (307, {"Location": "/batch/?api_key=phc_key"}, b"")
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert [request.path for request in posthog_server.requests] == ["/batch/"]


def test_a_password_of_netrc_is_not_sent(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    posthog_server.answer = lambda request: (307, {"Location": "/batch/"}, b"") if "moved" in request.path else None
    with Client("phc_key", posthog_server.url + "/moved") as client:
        client.track("u1", "Bought")
    assert [request.headers.get("Authorization") for request in posthog_server.requests] == [None, None]


def test_name_and_password_of_the_host_are_sent(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url.replace("//", "//someone:secret@")) as client:
        client.track("u1", "Bought")
    assert [request.headers.get("Authorization") for request in posthog_server.requests] == [
        "Basic c29tZW9uZTpzZWNyZXQ="
    ]
