"""Servers whose end comes without `atexit` and without another chance to send: uvicorn.

After its shutdown uvicorn puts back the signal handlers that it found, and raises the signal again. The default action
then ends the process.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, Final

from .lifecycle import drain_all

_MARK: Final = "_drains_analytics"


def drain_after_uvicorn() -> bool:
    """If this process is one of uvicorn's, send what is queued at the end of its shutdown. Return whether it is."""
    uvicorn = sys.modules.get("uvicorn.server")
    if uvicorn is None:
        return False
    server: Any = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return False
    if not hasattr(server, _MARK):
        import asyncio  # not above: an app without uvicorn need not load it

        setattr(server, _MARK, True)
        shutdown = server.shutdown

        async def shutdown_and_drain(*args: Any, **kwargs: Any) -> None:
            try:
                await shutdown(*args, **kwargs)
            finally:
                await asyncio.to_thread(drain_all)

        server.shutdown = shutdown_and_drain
    return True
