"""A PostHog on loopback: a real HTTP server that takes and refuses batches as PostHog's v0 capture does.

It also takes Segment's `POST /v1/batch`, so that Segment's own client can be run beside ours against the same server.
`PostHogServer.answer` programs faults. `posthog_refusals` says what it refuses.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any

from tests.support.posthog_refusals import Refused, check_batch, strict_json, unzipped

RESET = "reset"  # the connection is reset, without an answer and without taking the batch
HANG = "hang"  # nothing until `release()`, then the usual answer
LOST = "lost"  # the batch is taken, but the connection is reset before the answer: the client must send it again

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Request:
    """One request as it came in. `status` is None until it was answered, and stays None if it never was."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    time: float = field(default_factory=time.monotonic)
    status: int | None = None

    def json(self) -> Any:
        """The body, unzipped and parsed; `Refused` if it is not strict JSON."""
        return strict_json(unzipped(self.body))


class PostHogServer:
    """`with PostHogServer() as server:` serves on `server.url`; everything that came in can be read from its lists."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Answer | str | None] | None = None
        self.port = 0
        self.errors: list[BaseException] = []  # what went wrong in here, an `answer` that raised for example
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._http: _HTTP | None = None
        self._kept: socket.socket | None = None  # has the port as long as this object is used, and never listens
        self._forget()

    def _forget(self) -> None:
        self.requests: list[Request] = []
        self.batches: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.segment_batches: list[dict[str, Any]] = []
        self.segment_messages: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> PostHogServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def start(self) -> PostHogServer:
        """Serves; after a `stop()` again on the same port, with what was received before still in the lists."""
        assert self._http is None, "already started"
        self._released.clear()
        if self._kept is None:
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._kept.bind(("127.0.0.1", self.port))
            self.port = self._kept.getsockname()[1]
        self._http = _HTTP(("127.0.0.1", self.port), self)
        threading.Thread(target=self._http.serve_forever, args=(0.005,), name="posthog-server", daemon=True).start()
        return self

    def stop(self) -> None:
        """Dies as a killed process does: the port and every open connection are closed. Harmless twice.

        The port stays this server's own until the end of the `with`: it refuses connections, and nobody else gets it.
        """
        http_server, self._http = self._http, None
        if http_server is None:
            return
        http_server.shutdown()
        http_server.server_close()
        http_server.close_connections()
        self._released.set()

    def clear(self) -> None:
        """Forgets what was received."""
        with self._changed:
            self._forget()

    def release(self) -> None:
        """Lets every request that hangs, and those to come, be answered."""
        self._released.set()

    def wait_for(self, count: int, timeout: float = 10) -> list[dict[str, Any]]:
        """The accepted events, as soon as there are `count`; AssertionError if they are not there in time."""
        return self._wait("events", count, timeout)

    def wait_for_requests(self, count: int, timeout: float = 10) -> list[Request]:
        """The requests seen, answered or not, as soon as there are `count`."""
        return self._wait("requests", count, timeout)

    def wait_for_segment(self, count: int, timeout: float = 10) -> list[dict[str, Any]]:
        """The messages that Segment's own client sent, as soon as there are `count`."""
        return self._wait("segment_messages", count, timeout)

    def _wait(self, what: str, count: int, timeout: float) -> list[Any]:
        with self._changed:
            there = self._changed.wait_for(lambda: len(getattr(self, what)) >= count, timeout)
            arrived = list(getattr(self, what))
            answers = [request.status for request in self.requests]
        assert there, (
            f"{len(arrived)} of {count} {what} arrived in {timeout} s; answers: {answers[-20:]}, errors: {self.errors}"
        )
        return arrived

    @property
    def distinct_ids(self) -> list[str]:
        """Of each event that arrived, in the order of arrival."""
        with self._changed:
            return [event["distinct_id"] for event in self.events]

    def unique_events(self) -> list[dict[str, Any]]:
        """The events as PostHog counts them: the latest of those with the same UTC date, name, distinct_id and uuid."""
        with self._changed:
            return list({_identity(event): event for event in self.events}.values())

    def take(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """The usual answer; what is accepted goes to the lists."""
        try:
            if request.method != "POST" or request.path.split("?")[0].rstrip("/") not in ("/batch", "/v1/batch"):
                raise Refused(404, "no such path here")
            body = request.json()
            if request.path.startswith("/v1/"):
                return self._take_segment(body)
            check_batch(body)
        except Refused as error:
            return error.status, {}, json.dumps({"type": "validation_error", "detail": str(error)}).encode()
        with self._changed:
            self.batches.append(body)
            self.events.extend(body["batch"])
        return 200, {}, b'{"status":"Ok"}'

    def _take_segment(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        with self._changed:
            self.segment_batches.append(body)
            self.segment_messages.extend(body["batch"])
        return 200, {}, b'{"success":true}'

    def respond(self, request: Request) -> Answer | str:
        """The programmed answer if there is one, else the usual one."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        programmed = self.answer(request) if self.answer else None
        if programmed == HANG:
            serving = self._http
            self._released.wait()
            return self.take(request) if self._http is serving else RESET
        if programmed == LOST:
            self.take(request)
            return RESET
        return self.take(request) if programmed is None else programmed

    def answered(self, request: Request, status: int | None) -> None:
        with self._changed:
            request.status = status
            self._changed.notify_all()


class _HTTP(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: PostHogServer) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        self.connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # beside `_kept`
        # http.server's own asks the name service for this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.connections_lock:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.connections_lock:
            self.connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self.connections_lock:
            for connection in self.connections:
                _linger_zero(connection)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: a client may hang up when it likes."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTP

    def do_POST(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        try:
            answer = owner.respond(request)
        except Exception as error:
            owner.errors.append(error)
            answer = (500, {}, repr(error).encode())
        if isinstance(answer, str):
            assert answer == RESET, f"unknown answer {answer!r}"
            self.close_connection = True
            owner.answered(request, None)
            _linger_zero(self.connection)
            self.connection.close()
            return
        status, headers, content = answer
        # Counted before it is written: who has the answer finds the request counted.
        owner.answered(request, status)
        self._write(status, headers, content)

    do_GET = do_PUT = do_POST

    def _write(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """The whole answer in one write."""
        known = status in HTTPStatus._value2member_map_
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else 'Unknown'}"]
        fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the connection may be gone already
            super().finish()


def _linger_zero(connection: socket.socket) -> None:
    """Closing then sends RST instead of FIN."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _identity(event: dict[str, Any]) -> tuple[Any, ...]:
    timestamp = event.get("timestamp", "")
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
        timestamp = moment.astimezone(timezone.utc).date().isoformat()
    return timestamp, event["event"], event.get("distinct_id"), event.get("uuid")
