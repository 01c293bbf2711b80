"""A script or cron job: a few calls, and `shutdown()` as the last line, so that nothing is left in the queue.

POSTHOG_PROJECT_API_KEY=phc_... python script.py
"""

import os
from datetime import datetime, timezone

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")  # without one: https://us.i.posthog.com
analytics.on_error = lambda error, messages: print(f"{len(messages)} messages were not delivered: {error}")


def main() -> None:
    """Reports last night's invoices, each with the moment at which it was paid."""
    analytics.identify("user-42", {"plan": "team", "seats": 12})
    analytics.group("user-42", "company-7", {"name": "Example Ltd"})
    paid_at = datetime(2026, 11, 1, 2, 30, tzinfo=timezone.utc)
    for number, amount in [("INV-1", 120.0), ("INV-2", 80.5)]:
        analytics.track("user-42", "Invoice Paid", {"invoice": number, "amount": amount}, timestamp=paid_at)


if __name__ == "__main__":
    main()
    analytics.shutdown()
