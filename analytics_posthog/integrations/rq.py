"""For RQ, whose worker forks a process for each job and ends it without `atexit`.

rq worker --worker-class analytics_posthog.integrations.rq.AnalyticsWorker
"""

from __future__ import annotations

from typing import Any

from rq import Worker

from .._delivery import drain_all


class AnalyticsWorker(Worker):
    """RQ's own worker, which sends what a job has queued before the job's process ends."""

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        """Called by RQ in the job's process."""
        try:
            done: bool = super().perform_job(*args, **kwargs)
        finally:
            drain_all()
        return done
