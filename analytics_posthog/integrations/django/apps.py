"""The app: gives the module its settings when Django starts, and checks them."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register

import analytics_posthog

from . import configuration


class AnalyticsConfig(AppConfig):
    """Named `analytics_posthog.integrations.django` in INSTALLED_APPS."""

    name = "analytics_posthog.integrations.django"
    label = "analytics_posthog"
    verbose_name = "analytics_posthog"

    def ready(self) -> None:
        """Called by Django once, when all apps are loaded."""
        register(check)
        for name, value in configuration.read().module.items():
            setattr(analytics_posthog, name, value)


def check(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Return what `manage.py check` says: an error for each setting that can't work, a warning without a key."""
    found = configuration.read()
    hint = f"Correct it in {configuration.NAME}; the docs list all settings, under Settings."
    said: list[CheckMessage] = [Error(text, hint=hint, id="analytics_posthog.E001") for text in found.wrong]
    if not said and analytics_posthog.write_key is None:
        text = f"{configuration.NAME} has no write_key, so the first call raises InvalidSetting."
        hint = 'Set it to PostHog\'s project API key (phc_...), or to "" where nothing is to be sent.'
        said.append(Warning(text, hint=hint, id="analytics_posthog.W001"))
    return said
