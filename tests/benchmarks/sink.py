"""A server that costs the clients as little as can be: takes any batch, counts its events, and answers in one write.

It runs in its own process, so it shares no interpreter with what is measured. `http.server` is too slow: it writes the
head and the body of an answer separately, and a client then waits 40 ms for a delayed ACK. Events are not checked.

Each client has its own path, `/<name>`. `GET /` answers with the number of events that came in below each. Started with
`uuids`, the server also remembers the uuids, and `GET /uuids/<name>` answers with their number and a hash of them all.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import sys
from collections import Counter, defaultdict
from typing import Any

from .archive import digest

_END_OF_HEAD = b"\r\n\r\n"
# What the JSON of each event holds once, by the end of the address that batches are posted to.
_ONCE_AN_EVENT = {b"/batch/": b'"uuid":', b"/v1/batch": b'"messageId":'}
_UUID = re.compile(rb'"uuid": "([0-9a-f-]{36})"')
_TIMEOUT = 30  # seconds


class Sink(asyncio.Protocol):
    """One connection, kept alive as long as the client wants it."""

    def __init__(self, counts: Counter[str], uuids: defaultdict[str, set[bytes]] | None) -> None:
        self._counts = counts
        self._uuids = uuids
        self._received = bytearray()
        self._needed = 0  # bytes that the current request has; 0: its head has not come yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._is_complete():
            request, self._received = bytes(self._received[: self._needed]), self._received[self._needed :]
            self._needed = 0
            self._transport.write(self._answer(request))

    def _is_complete(self) -> bool:
        if not self._needed:
            end = self._received.find(_END_OF_HEAD)
            if end < 0:
                return False
            self._needed = end + len(_END_OF_HEAD) + _content_length(bytes(self._received[:end]))
        return len(self._received) >= self._needed

    def _answer(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1]
        _, name, rest = path.split(b"/", 2) if path.count(b"/") > 1 else (b"", b"", b"")
        marker = _ONCE_AN_EVENT.get(b"/" + rest)
        if marker is not None:
            self._counts[name.decode()] += request.count(marker)
            if self._uuids is not None:
                self._uuids[name.decode()].update(_UUID.findall(request))
            return _response(b"200 OK", b'{"status": 1, "success": true}')
        if request.startswith(b"POST "):  # another SDK's
            return _response(b"200 OK", b'{"status": 1, "success": true}')
        if path == b"/":
            return _response(b"200 OK", json.dumps(self._counts).encode())
        if name == b"uuids" and self._uuids is not None:
            found = self._uuids[rest.decode()]
            return _response(b"200 OK", json.dumps({"count": len(found), "digest": digest(found)}).encode())
        return _response(b"404 Not Found", b"{}")


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _response(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


async def _serve() -> None:
    """Serve on a free port, print the address, and end when standard input does: the sink ends with who started it."""
    counts: Counter[str] = Counter()
    uuids: defaultdict[str, set[bytes]] | None = defaultdict(set) if sys.argv[1:] == ["uuids"] else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(counts, uuids), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


def counts(url: str) -> dict[str, int]:
    """How many events came in, by the path that their client was given."""
    answer: dict[str, int] = _get(url, "/")
    return answer


def uuids(url: str, name: str) -> dict[str, Any]:
    """How many different uuids came in below a client's path, and the hash of them."""
    answer: dict[str, Any] = _get(url, f"/uuids/{name}")
    return answer


def _get(url: str, path: str) -> Any:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_TIMEOUT)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


if __name__ == "__main__":
    asyncio.run(_serve())
