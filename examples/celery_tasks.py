"""Celery: tasks that report. There is nothing to do for it: a worker's end delivers what is queued.

POSTHOG_PROJECT_API_KEY=phc_... celery -A celery_tasks worker
"""

import os

from celery import Celery

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")

app = Celery("tasks", broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost"))


@app.task
def send_invoice(user_id: str, amount: float) -> None:
    """Every forked worker process gets a client of its own at its first call."""
    analytics.track(user_id, "Invoice Sent", {"amount": amount})
