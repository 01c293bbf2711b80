"""Servers that need something of their own: uvicorn, whose end comes without `atexit`, and uWSGI, which forks in C.

After its shutdown uvicorn puts back the signal handlers that it found, and raises the signal again. The default action
then ends the process. uWSGI calls none of Python's hooks for a fork, so `lifecycle.notice_fork` compares process ids.
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


def forks_later() -> bool:
    """Whether this is uWSGI's process that loads the app, and that forks its workers later, in C.

    No thread is started in it: one that runs just then leaves Python's lock taken in the child, which hangs forever.
    """
    uwsgi = _uwsgi()
    return uwsgi is not None and uwsgi.worker_id() == 0 and not uwsgi.mule_id() and not uwsgi.i_am_the_spooler()


def sends_for_its_parent() -> bool:
    """Whether this is uWSGI's first worker. It sends what was called before the fork, when no thread could send it.

    A worker that follows it, in the same place, sends it again: PostHog counts that once.
    """
    uwsgi = _uwsgi()
    return uwsgi is not None and uwsgi.worker_id() == 1


def _uwsgi() -> Any:
    """Return the module that uWSGI's own processes have."""
    module = sys.modules.get("uwsgi")
    return module if hasattr(module, "worker_id") else None
