"""Serves the inspector: listens, says where the page is, and ends at once on a signal."""

from __future__ import annotations

import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import uvicorn

from .._delivery import Forward
from ..errors import InvalidSetting
from .app import Inspector
from .guard import Reach
from .line import line
from .terminal import Terminal

_LONGEST_END: Final = 2  # seconds that a request may still take at the end

_REMOTE: Final = (
    "anyone who can reach this address can read the events and send some. Use it in a network of your own only"
)


def serve(host: str, port: int, reach: Reach, *, plain: bool, forward_to: str | None, browser: bool) -> None:
    """Serve until SIGINT or SIGTERM. `forward_to` is PostHog's address, or None.

    Writes the page's address to standard error, and with `plain` a line for each event to standard output. Raises
    InvalidSetting if it can't listen on the address, and OSError if standard output is closed.
    """
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    errors, output = Terminal(sys.stderr), Terminal(sys.stdout) if plain else None
    inspector = Inspector(
        forward=Forward(forward_to) if forward_to else None,
        show=(lambda kept: output.write(line(kept))) if output else None,
        say=errors.write,
    )
    config = uvicorn.Config(
        inspector.asgi(reach),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LONGEST_END,
    )
    url = f"http://{_named(host)}:{port}"
    _say(f"analytics-posthog: the inspector is at {url}/ (Ctrl-C ends it)")
    _say(f'analytics-posthog: in the app, set analytics.host = "{url}"; ' + _where(forward_to))
    if reach.remote:
        _say(f"analytics-posthog: {_REMOTE}")
    if browser:
        webbrowser.open(url)
    signal.signal(signal.SIGTERM, _terminated)
    server = _Server(config, inspector.feed.closing.set)
    if output is not None:
        output.closed = server.stop
    try:
        server.run(sockets=[listening])
    finally:
        errors.close()
        if output is not None:
            output.close()
    if output is not None and output.error is not None:
        raise output.error


def _terminated(*_: object) -> None:
    """Exit as usual. uvicorn has stopped already, and raises the signal again for the earlier handler, this one."""
    raise SystemExit(128 + signal.SIGTERM)


class _Server(uvicorn.Server):
    """A server that ends the pages' streams first, because they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, close: Callable[[], None]) -> None:
        super().__init__(config)
        self._close = close

    def stop(self) -> None:
        """End soon."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidSetting(
            f"the inspector can't listen on {host} port {port}: {why}. Choose another with --port"
        ) from error


def _where(forward_to: str | None) -> str:
    if not forward_to:
        return "nothing leaves this machine"
    parts = urlsplit(forward_to)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without a user's name and password
    return f"events are forwarded to {bare} with the app's own key"


def _named(host: str) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 because the user has chosen it
    return f"[{name}]" if ":" in name else name


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
