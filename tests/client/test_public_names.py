"""The public names, so that none comes or goes unseen. What begins with an underscore promises nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
from types import ModuleType

import pytest

import analytics_posthog

CALLS = ["alias", "group", "identify", "page", "screen", "track"]
ERRORS = [
    "AnalyticsError",
    "ClientShutDown",
    "DeliveryError",
    "InstallRefused",
    "InvalidMessage",
    "InvalidSetting",
    "MessageTooLarge",
    "QueueFull",
    "SegmentError",
]
LIFE = ["flush", "flush_on_signal", "join", "shutdown", "stats"]
SETTINGS = (
    "before_send block_when_full debug exit_timeout group_type gzip host log_handler max_queue_size "
    "max_rate_limit_duration max_retries max_total_backoff_duration oauth_auth_server oauth_client_id oauth_client_key "
    "oauth_key_id oauth_scope on_error on_success outbox outbox_max_bytes outbox_sync person_profiles proxies "
    "segment_host segment_write_key send sync_mode thread timeout upload_interval upload_size write_key"
).split()


def test_what_import_star_brings() -> None:
    ours = ["Client", "VERSION", "aflush", "default_client", "install_as_segment", *CALLS, *ERRORS, *LIFE]
    assert sorted(analytics_posthog.__all__) == sorted([*ours, *SEGMENT_S_SETTINGS])
    brought: dict[str, object] = {}
    exec("from segment.analytics import *", brought)
    modules = {name for name, value in brought.items() if isinstance(value, ModuleType)}
    assert set(brought) - modules - {"__builtins__"} <= set(analytics_posthog.__all__)
    assert [name for name in analytics_posthog.__all__ if not hasattr(analytics_posthog, name)] == []


def test_the_settings_of_the_module() -> None:
    own = {name for name in vars(analytics_posthog) if name in vars(analytics_posthog.Client.DefaultConfig)}
    assert sorted(name for name in own if not name.startswith("_")) == SETTINGS
    assert analytics_posthog.default_client is None
    assert analytics_posthog.__version__ == analytics_posthog.version.VERSION  # type: ignore[attr-defined]


def test_the_names_of_a_client() -> None:
    names = [name for name in dir(analytics_posthog.Client) if not name.startswith("_")]
    own = ["aflush", "consumers", "debug", "drain", "log", "posthog", "queue", "send"]
    assert names == sorted(["DefaultConfig", *CALLS, *LIFE, *own])


SEGMENT_S_SETTINGS = (
    "debug gzip host log_handler max_queue_size max_retries oauth_auth_server oauth_client_id oauth_client_key "
    "oauth_key_id oauth_scope on_error send sync_mode timeout write_key"
).split()
OWN = {
    "client": ["Client"],
    "convert": [
        "CLICK_IDS",
        "CONTEXT",
        "DERIVED",
        "EVENTS",
        "Event",
        "FIELDS",
        "GroupType",
        "HOSTS",
        "MAX_GROUP_KEY",
        "MAX_MERGE_KEY",
        "NO_USER",
        "PROPERTIES",
        "Person",
        "Properties",
        "REFUSED",
        "REFUSED_EXACTLY",
        "SEGMENT_GROUP",
        "person_of",
        "to_posthog",
        "uuid_of",
        "wanted",
    ],
    "errors": sorted([*ERRORS, "APIError", "NoAnswer", "TimedOut"]),
    "replay": ["DEFAULT_RATE", "Summary", "replay_file", "sources"],
    "pytest_plugin": ["captured", "pytest_addoption", "pytest_configure", "pytest_unconfigure"],
    "testing": ["Captured", "capture", "last_event", "send_nothing", "wait_for_event"],
    "version": ["VERSION"],
}


@pytest.mark.parametrize("name", OWN)
def test_the_names_that_a_public_module_makes(name: str) -> None:
    module = importlib.import_module(f"analytics_posthog.{name}")
    assert sorted(made_in(module)) == OWN[name]


def made_in(module: ModuleType) -> list[str]:
    """The public names that a module defines, or that a package brings from its own files; none that it imports."""
    names = set(module.__all__) if hasattr(module, "__path__") else set()
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return [name for name in names if not name.startswith("_")]
