"""A Lambda handler's call, which is sent when it has returned."""

import aws_lambda
import posthog

from analytics_posthog.testing import Captured

SESSION = "01900000-0000-7000-8000-000000000042"


def test_an_order_is_tracked_and_delivered(captured: Captured) -> None:
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        posthog.tag("stage", "test")
        assert aws_lambda.handler({"user_id": "user-42", "total": 12.5}, None) == {"statusCode": 200}
    captured.assert_tracked("Order Placed", user_id="user-42", properties={"total": 12.5}, times=1)
    properties = captured.events[0]["properties"]
    assert (properties["$session_id"], properties["stage"]) == (SESSION, "test")
