"""The servers and workers of the table, each with the command that starts it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final, Literal

PYTHON: Final = (sys.executable, "-m")
_UNICORN: Final = (*PYTHON, "gunicorn", "--bind", "127.0.0.1:{port}")
_UVICORN: Final = (*PYTHON, "uvicorn", "--port", "{port}", "asgi:app")
_UWSGI: Final = (
    "{bin}/uwsgi",
    "--http-socket",
    "127.0.0.1:{port}",
    "--module",
    "wsgi:app",
    "--master",
    "--die-on-term",
)
_CELERY: Final = (*PYTHON, "celery", "-A", "celery_tasks", "worker", "--concurrency", "2", "--without-gossip")
_CONTAINER: Final = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True)
class Server:
    """A row. `work` is a view's path, a module with `queue(user)`, or "" for what makes its calls by itself."""

    name: str
    command: tuple[str, ...]
    work: str = ""
    kind: Literal["web", "worker", "script", "container"] = "web"


SERVERS: Final = (
    Server("a script", (sys.executable, "script.py"), kind="script"),
    Server("a container's first process", (*_CONTAINER, sys.executable, "script.py"), kind="container"),
    Server("gunicorn, sync", (*_UNICORN, "wsgi:app"), "sync"),
    Server("gunicorn, gthread", (*_UNICORN, "--threads", "4", "wsgi:app"), "sync"),
    Server("gunicorn, --preload, 2 workers", (*_UNICORN, "--preload", "--workers", "2", "wsgi:app"), "sync"),
    Server("gunicorn, uvicorn worker", (*_UNICORN, "-k", "uvicorn_worker.UvicornWorker", "asgi:app"), "async"),
    Server(
        "gunicorn, uvicorn worker, sync view", (*_UNICORN, "-k", "uvicorn_worker.UvicornWorker", "asgi:app"), "sync"
    ),
    Server("uvicorn", _UVICORN, "async"),
    Server("uvicorn, sync view", _UVICORN, "sync"),
    Server("uvicorn, 2 workers", (*_UVICORN, "--workers", "2"), "async"),
    Server("uvicorn, --reload", (*_UVICORN, "--reload"), "async"),
    Server("hypercorn", (*PYTHON, "hypercorn", "--bind", "127.0.0.1:{port}", "asgi:app"), "async"),
    Server("granian, ASGI", ("{bin}/granian", "--interface", "asgi", "--port", "{port}", "asgi:app"), "async"),
    Server("granian, WSGI", ("{bin}/granian", "--interface", "wsgi", "--port", "{port}", "wsgi:app"), "sync"),
    Server("waitress", (*PYTHON, "waitress", "--listen", "127.0.0.1:{port}", "wsgi:app"), "sync"),
    Server("uWSGI, --enable-threads", (*_UWSGI, "--enable-threads"), "sync"),
    Server("uWSGI, --threads 4 --lazy-apps", (*_UWSGI, "--threads", "4", "--lazy-apps"), "sync"),
    Server("uWSGI, no threads", _UWSGI, "sync"),
    Server("Celery, prefork", (*_CELERY, "--pool", "prefork"), "celery_tasks", "worker"),
    Server("Celery, threads", (*_CELERY, "--pool", "threads"), "celery_tasks", "worker"),
    Server("Celery, gevent", (*_CELERY, "--pool", "gevent"), "celery_tasks", "worker"),
    Server("RQ", ("{bin}/rq", "worker", "--url", "{redis}"), "rq_tasks", "worker"),
    Server(
        "RQ, our worker class",
        (
            "{bin}/rq",
            "worker",
            "--url",
            "{redis}",
            "--worker-class",
            "analytics_posthog.integrations.rq.AnalyticsWorker",
        ),
        "rq_tasks",
        "worker",
    ),
    Server(
        "Dramatiq",
        ("{bin}/dramatiq", "dramatiq_tasks", "--processes", "2", "--threads", "2"),
        "dramatiq_tasks",
        "worker",
    ),
    Server("APScheduler", (sys.executable, "scheduler.py"), kind="script"),
)
