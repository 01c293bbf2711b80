"""AWS Lambda, which freezes the process when the handler has returned: what is queued is sent before.

The client outlives the call, so that a warm start costs no new connection.
"""

import os
from typing import Any

import analytics_posthog as analytics
from analytics_posthog.integrations.aws_lambda import sends_before_return

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")


@sends_before_return
def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    analytics.track(event["user_id"], "Order Placed", {"total": event["total"]})
    return {"statusCode": 200}
