"""AWS Lambda: `flush()` before the handler returns, because the process is frozen as soon as it has.

The client outlives the call, so that a warm start costs no new connection.
"""

import os
from typing import Any

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    analytics.track(event["user_id"], "Order Placed", {"total": event["total"]})
    delivered = analytics.flush(timeout=3)
    return {"statusCode": 200 if delivered else 202}
