"""App code in Segment's style that mypy (strict) and pyright must accept; it is checked, never run."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import posthog
from typing_extensions import assert_type

import analytics_posthog as analytics
from analytics_posthog.client import Client
from analytics_posthog.convert import to_posthog
from analytics_posthog.errors import (
    AnalyticsError,
    DeliveryError,
    InvalidMessage,
    InvalidSetting,
    MessageTooLarge,
    QueueFull,
)
from analytics_posthog.testing import Captured, capture
from analytics_posthog.version import VERSION

NOW = datetime.now(timezone.utc)
SOME_UUID = UUID(int=7)
CONTEXT: dict[str, Any] = {"ip": "203.0.113.7", "traits": {"plan": "team"}}
INTEGRATIONS: dict[str, Any] = {"All": False, "PostHog": True}


def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
    """Segment's callback, with Segment's messages."""
    if isinstance(error, DeliveryError):
        assert_type(error.status, int | None)
    for message in messages:
        logging.error("lost %s: %s", message["messageId"], error)


def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
    """As posthog has it: the event, or None to drop it."""
    return None if event["event"] == "Heartbeat" else event


def in_segment_s_place() -> None:
    """For code that can't be changed."""
    try:
        analytics.install_as_segment()
        analytics.install_as_segment(legacy=True)
    except analytics.InstallRefused as error:
        assert_type(error, analytics.InstallRefused)


def every_setting_of_the_module() -> None:
    analytics.write_key = "phc_key"
    analytics.host = "https://eu.i.posthog.com"
    analytics.host = None
    analytics.on_error = on_error
    analytics.on_error = lambda error, messages: None
    analytics.on_error = None
    analytics.debug = True
    analytics.log_handler = logging.StreamHandler()
    analytics.send = False
    analytics.sync_mode = True
    analytics.max_queue_size = 50_000
    analytics.gzip = True
    analytics.timeout = 5
    analytics.timeout = 2.5
    analytics.max_retries = 3
    analytics.segment_write_key = "key"
    analytics.segment_host = None
    analytics.max_total_backoff_duration = 60
    analytics.max_rate_limit_duration = 60
    analytics.proxies = {"https": "http://127.0.0.1:3128"}
    analytics.proxies = None
    analytics.thread = 2
    analytics.upload_size = 50
    analytics.upload_interval = 1.5
    analytics.oauth_client_id = "id"
    analytics.oauth_client_key = "key"
    analytics.oauth_key_id = "key-id"
    analytics.oauth_auth_server = "https://oauth2.segment.io"
    analytics.oauth_scope = "tracking_api:write"
    analytics.group_type = "company"
    analytics.person_profiles = "identified_only"
    analytics.before_send = before_send
    analytics.before_send = None


def every_call_by_position() -> None:
    assert_type(
        analytics.track("user-42", "Signed Up", {"plan": "team"}, CONTEXT, NOW, "anon-1", INTEGRATIONS, "message-1"),
        tuple[bool, dict[str, Any]],
    )
    assert_type(
        analytics.identify("user-42", {"plan": "team"}, CONTEXT, NOW, "anon-1", INTEGRATIONS, "m"),
        tuple[bool, dict[str, Any]],
    )
    assert_type(
        analytics.page("user-42", "Docs", "Pricing", {}, CONTEXT, NOW, "a", INTEGRATIONS, "m"),
        tuple[bool, dict[str, Any]],
    )
    assert_type(
        analytics.screen("user-42", "Main", "Home", {}, CONTEXT, NOW, "a", INTEGRATIONS, "m"),
        tuple[bool, dict[str, Any]],
    )
    assert_type(
        analytics.group("user-42", "company-7", {}, CONTEXT, NOW, "a", INTEGRATIONS, "m"), tuple[bool, dict[str, Any]]
    )
    assert_type(analytics.alias("old-id", "user-42", CONTEXT, NOW, INTEGRATIONS, "m"), tuple[bool, dict[str, Any]])


def every_call_by_name() -> None:
    analytics.track(
        user_id=None,
        event="Signed Up",
        properties=None,
        context=None,
        timestamp=None,
        anonymous_id="anon-1",
        integrations=None,
        message_id=None,
    )
    analytics.identify(
        user_id=42, traits={}, context={}, timestamp=NOW, anonymous_id=SOME_UUID, integrations={}, message_id=SOME_UUID
    )
    analytics.page(
        user_id="u",
        category=None,
        name=None,
        properties={},
        context={},
        timestamp=NOW,
        anonymous_id="a",
        integrations={},
    )
    analytics.screen(
        user_id="u", category="c", name="n", properties={}, context={}, timestamp=NOW, anonymous_id="a", message_id="m"
    )
    analytics.group(
        user_id="u", group_id=7, traits={}, context={}, timestamp=NOW, anonymous_id="a", integrations={}, message_id="m"
    )
    analytics.alias(previous_id=7, user_id=SOME_UUID, context={}, timestamp=NOW, integrations={}, message_id="m")


def times_that_segment_refuses() -> None:
    analytics.track("user-42", "Signed Up", timestamp=date(2026, 11, 1))
    analytics.track("user-42", "Signed Up", timestamp="2026-11-01T10:00:00Z")


def values_of_every_kind() -> None:
    properties = {"when": NOW, "for": timedelta(days=1), "tags": {"a", "b"}, "id": SOME_UUID}
    accepted, message = analytics.track("user-42", "Signed Up", properties)
    assert_type(accepted, bool)
    assert_type(message, dict[str, Any])
    # What a function of the app returns is often a plain dict[str, str].
    plain: dict[str, str] = {"plan": "team"}
    analytics.identify("user-42", plain)
    analytics.track("user-42", "Signed Up", plain, context=plain)


def the_end_of_a_process() -> None:
    assert_type(analytics.flush(), bool)
    assert_type(analytics.flush(timeout=2), bool)
    assert_type(analytics.flush(0.5), bool)
    analytics.join()
    analytics.shutdown()
    assert_type(analytics.default_client, Client | None)


def a_client_of_its_own() -> None:
    client = Client(
        "phc_key", "https://eu.i.posthog.com", False, 10_000, True, on_error, True, 10, False, 15, None, 1, 100, 0.5
    )
    client = analytics.Client(
        write_key="phc_key",
        host=None,
        proxies={"https": "http://127.0.0.1:3128"},
        log_handler=logging.NullHandler(),
        max_queue_size=Client.DefaultConfig.max_queue_size,
        group_type="company",
        person_profiles="always",
        before_send=before_send,
    )
    assert_type(client.track("user-42", "Signed Up"), tuple[bool, dict[str, Any]])
    assert_type(client.identify("user-42"), tuple[bool, dict[str, Any]])
    assert_type(client.page("user-42"), tuple[bool, dict[str, Any]])
    assert_type(client.screen("user-42"), tuple[bool, dict[str, Any]])
    assert_type(client.group("user-42", "company-7"), tuple[bool, dict[str, Any]])
    assert_type(client.alias("old-id", "user-42"), tuple[bool, dict[str, Any]])
    assert_type(client.flush(timeout=2), bool)
    client.join()
    client.shutdown()
    assert_type(client.queue.qsize(), int)
    assert_type(client.log, logging.Logger)
    inside: posthog.Posthog = client.posthog
    inside.feature_enabled("beta", "user-42")


def a_client_for_a_block() -> None:
    with Client("phc_key") as client:
        assert_type(client, Client)
        client.track("user-42", "Signed Up")
    with TenantClient("acme", "phc_key") as tenant:
        assert_type(tenant, TenantClient)


class TenantClient(Client):
    """Apps subclass Segment's client: settings in DefaultConfig, one call changed."""

    class DefaultConfig(Client.DefaultConfig):
        max_queue_size = 500

    def __init__(self, tenant: str, write_key: str) -> None:
        super().__init__(write_key, max_queue_size=self.DefaultConfig.max_queue_size)
        self.tenant = tenant

    def checkout(self, user_id: str, total: float) -> bool:
        accepted, _ = self.track(user_id, "Checkout", {"tenant": self.tenant, "total": total})
        return accepted


def the_errors() -> None:
    try:
        analytics.track(event="Signed Up")
    except (InvalidMessage, InvalidSetting, MessageTooLarge, QueueFull) as error:
        base: AnalyticsError = error
        logging.warning("%s", base)
    except AssertionError:
        logging.warning("what was written for Segment goes on working")


def the_conversion() -> None:
    accepted, message = analytics.track("user-42", "Signed Up")
    assert_type(to_posthog(message), dict[str, Any])
    assert_type(
        to_posthog(message, group_type="company", person_profiles="identified_only", warn=logging.warning),
        dict[str, Any],
    )
    assert_type(accepted, bool)
    versions: tuple[str, str] = (VERSION, analytics.__version__)
    logging.info("%s %s", *versions)


def an_apps_own_tests(captured: Captured) -> None:
    """As with the fixture."""
    assert_type(captured.messages, list[dict[str, Any]])
    assert_type(captured.events, list[dict[str, Any]])
    assert_type(captured.not_sent, list[tuple[dict[str, Any], str]])
    message = captured.assert_tracked("Signed Up", user_id=7, properties={"plan": str.isalpha}, times=1)
    assert_type(message, dict[str, Any])
    captured.assert_not_tracked("Signed Up", user_id=SOME_UUID)
    captured.assert_nothing_sent()
    with capture() as inner:
        assert_type(inner, Captured)
        inner.clear()
