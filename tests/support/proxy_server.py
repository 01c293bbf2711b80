"""A small forward proxy on loopback: it passes plain requests on, and remembers what it was asked for."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Passed:
    """What a client asked the proxy for."""

    method: str
    target: str  # a whole URL; host and port for CONNECT
    authorization: str | None


class ProxyServer:
    """`with ProxyServer() as proxy:` listens on `proxy.url`. CONNECT (https) is noted and refused with 502."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.proxy = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> ProxyServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="proxy-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        headers = {
            name: value for name, value in self.headers.items() if not name.lower().startswith(("proxy-", "connection"))
        }
        onward = http.client.HTTPConnection(target.netloc, timeout=10)
        with contextlib.closing(onward):
            onward.request(self.command, target.path, body, headers)
            answer = onward.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_CONNECT(self) -> None:
        self._note()
        self.send_response(502)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def _note(self) -> None:
        passed = Passed(self.command, self.path, self.headers.get("Proxy-Authorization"))
        self.server.proxy.passed.append(passed)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the connection may be gone already
            super().finish()
