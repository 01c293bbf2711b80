"""Django in one file: each call carries the request, and PostHog's own middleware adds its session.

POSTHOG_PROJECT_API_KEY=phc_... python django_app.py runserver
curl -d user_id=user-42 -d plan=team http://127.0.0.1:8000/signup
"""

import os

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path

import analytics_posthog as analytics

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["analytics_posthog.integrations.django"],
    MIDDLEWARE=[
        "posthog.integrations.django.PosthogContextMiddleware",
        "analytics_posthog.integrations.django.AnalyticsMiddleware",
    ],
    ANALYTICS_POSTHOG={"write_key": os.environ["POSTHOG_PROJECT_API_KEY"], "host": os.environ.get("POSTHOG_HOST")}
    | {"trusted_proxies": os.environ.get("TRUSTED_PROXIES", "").split()},
    POSTHOG_MW_CAPTURE_EXCEPTIONS=False,  # they go through PostHog's own client, which has no key here
)


def signup(request: HttpRequest) -> JsonResponse:
    """Waits for nothing: the event is queued here, and sent by a thread."""
    analytics.track(request.POST["user_id"], "Signed Up", {"plan": request.POST["plan"]})
    return JsonResponse({"ok": True})


urlpatterns = [path("signup", signup)]

if __name__ == "__main__":
    execute_from_command_line()
