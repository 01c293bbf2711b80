"""Celery: tasks that report, in workers that deliver what is queued before they end.

POSTHOG_PROJECT_API_KEY=phc_... celery -A celery_tasks worker
"""

import os

from celery import Celery
from celery.signals import worker_process_shutdown, worker_shutdown

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")

app = Celery("tasks", broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost"))


@app.task
def send_invoice(user_id: str, amount: float) -> None:
    """Every forked worker process gets a client of its own at its first call."""
    analytics.track(user_id, "Invoice Sent", {"amount": amount})


@worker_process_shutdown.connect  # each process of a prefork pool
@worker_shutdown.connect  # the worker itself, which runs the tasks in every other pool
def deliver(**_: object) -> None:
    analytics.shutdown()
