"""Servers and workers that get SIGTERM just after their last call: all that was accepted arrives.

`python -m tests.servers` has more of them.
"""

from __future__ import annotations

import pytest

from tests.servers.run import CALLS, run
from tests.servers.table import SERVERS, Server

# What the extra `processes` installs. Celery with prefork and gunicorn's workers in C are in test_servers_of_apps.
HERE = ("a script", "gunicorn, uvicorn", "uvicorn", "hypercorn", "granian", "waitress", "Celery, gevent")


@pytest.mark.parametrize("server", [row for row in SERVERS if row.name.startswith(HERE)], ids=lambda row: row.name)
def test_a_deploy_loses_nothing(server: Server) -> None:
    result = run(server)
    assert (result.sent, result.arrived) == (CALLS, CALLS)
