"""A Celery task's call, with the tags of the context that it runs in."""

import posthog
from celery_tasks import send_invoice

from analytics_posthog.testing import Captured

SESSION = "01900000-0000-7000-8000-000000000042"


def test_a_task_reports_its_invoice(captured: Captured) -> None:
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        posthog.tag("queue", "invoices")
        send_invoice.apply(args=("user-42", 9.5)).get()
    send_invoice.apply(args=("user-43", 9.5)).get()
    captured.assert_tracked("Invoice Sent", user_id="user-42", properties={"amount": 9.5})
    captured.assert_tracked("Invoice Sent", user_id="user-43", properties={"amount": 9.5})
    first, second = (event["properties"] for event in captured.events)
    assert (first["$session_id"], first["queue"]) == (SESSION, "invoices")
    assert "$session_id" not in second
