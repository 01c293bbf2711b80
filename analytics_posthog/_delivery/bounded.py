"""Bounds an answer: a deadline for the whole of it, not for each read, and a size that is read at most.

requests has neither. A server, or something on the way, that sends a byte a second would hold a thread forever. An
endless answer, or a well packed one, would fill the memory. No answer of PostHog's has more than a few hundred bytes.
"""

from __future__ import annotations

import http.client
import io
import queue
import socket
import zlib
from collections import deque
from contextlib import suppress
from math import inf
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from .clock import now

MAX_ANSWER: Final = 64 * 1024  # bytes of an answer's body that are looked at; the rest is not read
_MAX_READ: Final = 1024 * 1024  # bytes of one answer in all, with its headers
_SLICE: Final = 0.2  # seconds
_GZIP_OR_ZLIB: Final = 47  # zlib's word for: either header


class _Bounded(io.RawIOBase):
    """Reads from a socket until the deadline, which is the socket's own timeout from now.

    In slices: an exception that another thread sets for this one comes through between two of them.
    """

    def __init__(self, sock: socket.socket, file: io.RawIOBase) -> None:
        self._sock = sock
        self._file = file  # the socket counts its files, and is closed after the last one
        self._timeout = sock.gettimeout()
        self._end = inf if self._timeout is None else now() + self._timeout
        self._left = _MAX_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there. Raises TimeoutError after the deadline and OSError for too long an answer."""
        if self._left <= 0:
            raise OSError("the answer is too long")
        try:
            while (rest := self._end - now()) > 0:
                self._sock.settimeout(min(rest, _SLICE))
                with suppress(TimeoutError):
                    count = self._sock.recv_into(buffer)
                    self._left -= count
                    return count
            raise TimeoutError("timed out")
        finally:
            with suppress(OSError):
                self._sock.settimeout(self._timeout)

    def close(self) -> None:
        """Close the socket's file, too."""
        self._file.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read through `_Bounded`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        raw: Any = sock.makefile("rb", buffering=0)
        self.fp = io.BufferedReader(_Bounded(sock, raw))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Idle:
    """A pool's idle connections, the one used last on top. urllib3's own waits for a lock, as `queue.Queue` does.

    An interrupt may leave that lock taken, and then the next request would wait forever.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._idle: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add a connection. Raises queue.Full at once: requests' pools never wait."""
        if len(self._idle) >= self._maxsize:
            raise queue.Full
        self._idle.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a connection. Raises queue.Empty at once."""
        try:
            return self._idle.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        """Return how many there are."""
        return len(self._idle)


class _Pool(HTTPConnectionPool):
    ConnectionCls: Any = _Connection
    QueueCls: Any = _Idle


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _SecureConnection
    QueueCls: Any = _Idle


_POOLS: Final = {"http": _Pool, "https": _SecurePool}


class BoundedAdapter(HTTPAdapter):
    """Sends as requests does, and has an answer's body read before anybody else looks at it."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Called by requests."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Called by requests."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, stream: bool = False, **kwargs: Any
    ) -> requests.Response:
        """Called by requests. The rest of a body over MAX_ANSWER bytes is not read, and its connection is closed."""
        response = super().send(request, stream=True, **kwargs)
        try:
            body = _body(response)
        except (HTTPError, OSError) as error:
            response.close()
            kind = requests.ReadTimeout if isinstance(error, ReadTimeoutError) else requests.ConnectionError
            raise kind(error, request=request) from error
        response.raw = io.BytesIO(body)
        return response


def _body(response: requests.Response) -> bytes:
    """Read the beginning of an answer's body, unzipped."""
    raw = response.raw
    data: bytes = raw.read(MAX_ANSWER, decode_content=False)
    if len(data) < MAX_ANSWER or not raw.read(1, decode_content=False):
        raw.release_conn()
    else:
        response.close()
    if "Content-Encoding" not in response.headers:
        return data
    unpacked = b""
    with suppress(zlib.error):  # what isn't zipped as it says is no answer of PostHog's
        unpacked = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(data, MAX_ANSWER)
    return unpacked
