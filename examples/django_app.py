"""Django in one file, with PostHog's own middleware: its session and request properties come along with every event.

POSTHOG_PROJECT_API_KEY=phc_... python django_app.py runserver
curl -d user_id=user-42 -d plan=team http://127.0.0.1:8000/signup
"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path

import analytics_posthog as analytics

analytics.write_key = os.environ["POSTHOG_PROJECT_API_KEY"]
analytics.host = os.environ.get("POSTHOG_HOST")

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["posthog.integrations.django.PosthogContextMiddleware"],
    POSTHOG_MW_CAPTURE_EXCEPTIONS=False,  # exceptions go through PostHog's own client, which has no key here
)


def signup(request: HttpRequest) -> JsonResponse:
    """Waits for nothing: the event is queued here, and sent by a thread."""
    analytics.track(request.POST["user_id"], "Signed Up", {"plan": request.POST["plan"]})
    return JsonResponse({"ok": True})


urlpatterns = [path("signup", signup)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
