"""Flask: each call carries the request, and PostHog's own integration adds its session.

POSTHOG_PROJECT_API_KEY=phc_... flask --app flask_app run
curl -d user_id=user-42 -d plan=team http://127.0.0.1:5000/signup
"""

import os

from flask import Flask, request
from posthog.integrations.flask import PosthogFlaskIntegration

import analytics_posthog as analytics
from analytics_posthog.integrations.wsgi import AnalyticsMiddleware

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")

app = Flask(__name__)
PosthogFlaskIntegration(app)
app.wsgi_app = AnalyticsMiddleware(app.wsgi_app, trusted_proxies=os.environ.get("TRUSTED_PROXIES", "").split())


@app.post("/signup")
def signup() -> dict[str, bool]:
    """Waits for nothing: the event is queued here, and sent by a thread."""
    analytics.track(request.form["user_id"], "Signed Up", {"plan": request.form["plan"]})
    return {"ok": True}
