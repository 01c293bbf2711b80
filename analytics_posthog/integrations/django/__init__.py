"""For Django: settings, system checks, a middleware, and `manage.py analytics_check`.

INSTALLED_APPS = [..., "analytics_posthog.integrations.django"]
MIDDLEWARE = [..., "analytics_posthog.integrations.django.AnalyticsMiddleware"]
ANALYTICS_POSTHOG = {"write_key": os.environ["POSTHOG_PROJECT_API_KEY"], "host": "https://eu.i.posthog.com"}
"""

from .middleware import AnalyticsMiddleware

__all__ = ["AnalyticsMiddleware"]
