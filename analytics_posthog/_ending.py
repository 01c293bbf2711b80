"""How an app waits for what a client has accepted, and how a client ends: by itself, at exit, and on a signal."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._delivery import DRAIN_TIMEOUT, STALL_TIMEOUT, Life, Official, Route, end, on_signals
from ._settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Self

_LAST_TRY = 0.5  # seconds of an exit that has waited before, without progress


class Ending:
    """The part of `Client` for it."""

    if TYPE_CHECKING:
        _settings: Settings
        _outbox: Any
        _official: Official
        _route: Route
        _life: Life

        def _current(self) -> Route: ...

    def flush(self, timeout: float | None = None) -> bool:
        """Have everything sent that was called before. Return whether all of it is settled within `timeout` seconds.

        The default is 30. What PostHog refused is reported to `on_error`, and counts as settled.
        """
        seconds = timeout if isinstance(timeout, (int, float)) and timeout == timeout else DRAIN_TIMEOUT
        return self._current().delivery.flush(seconds)

    async def aflush(self, timeout: float | None = None) -> bool:
        """Do what `flush` does, and let the event loop go on meanwhile."""
        import asyncio  # only here, because an app without an event loop needs none of it

        return await asyncio.to_thread(self.flush, timeout)

    def join(self) -> None:
        """Send what is queued and end the threads: the same as shutdown()."""
        self._end()

    def shutdown(self) -> None:
        """Send what is queued, for at most 30 seconds, and end the threads. Later calls answer (False, message)."""
        if type(self).flush is Ending.flush and type(self).join is Ending.join:
            self._end()
        else:  # a subclass's own are called, as by Segment's client
            self.flush()
            self.join()

    def _end(self) -> None:
        route = self._current()
        if route.shutdown(DRAIN_TIMEOUT) and route is self._route:
            end(self._life)
            self._official.shutdown()

    def drain(self) -> bool:
        """Send what is queued, for at most 30 s, and at most 3 s without progress. Return whether all is settled."""
        return self._drain_within(DRAIN_TIMEOUT)

    def _drain_within(self, timeout: float) -> bool:
        return self._current().delivery.drain(timeout, STALL_TIMEOUT)

    def _hurry(self) -> None:
        self._route.delivery.hurry()

    def _at_exit(self) -> None:
        where = ". An outbox would keep them" if self._outbox is None else "; kept in the outbox"
        official = self._official  # its exit was first, and may have used up some of the time
        stall = STALL_TIMEOUT if official.drained else _LAST_TRY
        self._route.at_exit(self._settings.exit_timeout - official.spent, stall, where)

    def _drained(self, timeout: float, stall: float) -> bool:
        return self._route.delivery.drain(timeout, stall)

    def flush_on_signal(self, *signals: int) -> None:
        """On SIGTERM and SIGINT, or on these signals, send what is queued, and then do what the signal did before.

        Takes at most 30 s, and at most 3 s without progress. A second signal acts at once. Call it in the main thread.
        """
        on_signals(self.drain, signals or (signal.SIGTERM, signal.SIGINT))

    def __enter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.shutdown)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
