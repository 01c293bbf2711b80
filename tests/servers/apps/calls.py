"""What all apps here share: `call(user)` through the client that $CLIENT names. $SENT has a line for each call."""

import os

URL = os.environ["URL"]
sent = os.open(os.environ["SENT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

if os.environ["CLIENT"] == "posthog":
    import posthog

    posthog.api_key, posthog.host = "phc_key", URL

    def track(user: str) -> bool:
        return posthog.capture("Called", distinct_id=user) is not None

else:
    if os.environ["CLIENT"] == "segment":
        import segment.analytics as analytics
    else:
        import analytics_posthog as analytics
    analytics.write_key, analytics.host = "phc_key", URL

    def track(user: str) -> bool:
        return analytics.track(user, "Called")[0]


def call(user: str) -> None:
    if track(user):
        os.write(sent, f"{user}\n".encode())
