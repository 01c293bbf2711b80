"""With `proxies` every batch really goes through the proxy, and through no other, whatever the environment says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client
from analytics_posthog.errors import NoAnswer
from tests.support.posthog_server import PostHogServer
from tests.support.proxy_server import Passed, ProxyServer

MODES = pytest.mark.parametrize("sync_mode", [False, True], ids=["threads", "sync_mode"])
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    with ProxyServer() as server:
        yield server


def ids(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


def batches(server: PostHogServer, count: int = 1) -> list[Passed]:
    return [Passed("POST", server.url + "/batch/", None)] * count


@MODES
def test_every_batch_goes_through_the_proxy(sync_mode: bool, posthog_server: PostHogServer, proxy: ProxyServer) -> None:
    with Client(
        "phc_key", posthog_server.url, proxies={"http": proxy.url}, sync_mode=sync_mode, upload_size=1
    ) as client:
        client.track("u1", "Bought")
        client.track("u2", "Bought")
    assert ids(posthog_server) == ["u1", "u2"]
    assert proxy.passed == batches(posthog_server, 2)


ENVIRONMENTS: dict[str, dict[str, str]] = {
    "NO_PROXY for this host": {"NO_PROXY": "127.0.0.1"},
    "NO_PROXY for all": {"no_proxy": "*"},
    "another proxy": {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
    "another proxy for all": {"ALL_PROXY": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"},
    "both": {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
}


@MODES
@pytest.mark.parametrize("variables", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_whatever_the_environment_says(
    variables: dict[str, str],
    sync_mode: bool,
    posthog_server: PostHogServer,
    proxy: ProxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Client(
        "phc_key", posthog_server.url, proxies={"http": proxy.url}, sync_mode=sync_mode, max_retries=0
    ) as client:
        client.track("u1", "Bought")
    assert ids(posthog_server) == ["u1"]
    assert proxy.passed == batches(posthog_server)


@pytest.mark.parametrize("variables", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_proxies_for_https_only_leave_http_without_one(
    variables: dict[str, str], posthog_server: PostHogServer, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Client("phc_key", posthog_server.url, proxies={"https": proxy.url}, max_retries=0) as client:
        client.track("u1", "Bought")
    assert ids(posthog_server) == ["u1"]
    assert proxy.passed == []


def test_without_proxies_the_environment_s_is_used(
    posthog_server: PostHogServer, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert ids(posthog_server) == ["u1"]
    assert proxy.passed == batches(posthog_server)


@pytest.mark.parametrize("settings", [{"thread": 3, "upload_size": 1}, {"gzip": True}], ids=str)
def test_with_any_other_setting(settings: dict[str, Any], posthog_server: PostHogServer, proxy: ProxyServer) -> None:
    with Client("phc_key", posthog_server.url, proxies={"http": proxy.url}, **settings) as client:
        for number in range(9):
            client.track(f"u{number}", "Bought")
    assert sorted(ids(posthog_server)) == [f"u{number}" for number in range(9)]
    assert proxy.passed == batches(posthog_server, len(posthog_server.requests))


@MODES
def test_retries_go_through_the_proxy_too(sync_mode: bool, posthog_server: PostHogServer, proxy: ProxyServer) -> None:
    posthog_server.answer = lambda _: (503, {}, b"") if len(posthog_server.requests) == 1 else None
    with Client("phc_key", posthog_server.url, proxies={"http": proxy.url}, sync_mode=sync_mode) as client:
        client.track("u1", "Bought")
    assert ids(posthog_server) == ["u1"]
    assert proxy.passed == batches(posthog_server, 2)


def test_https_goes_through_the_https_proxy(proxy: ProxyServer) -> None:
    reported: list[Exception] = []
    settings: dict[str, Any] = {"max_retries": 0, "on_error": lambda error, _: reported.append(error)}
    with Client("phc_key", "https://posthog.invalid", proxies={"https": proxy.url}, **settings) as client:
        client.track("u1", "Bought")
    assert proxy.passed == [Passed("CONNECT", "posthog.invalid:443", None)]
    assert [type(error) for error in reported] == [NoAnswer]


def test_a_proxy_s_password_is_used_and_never_shown(
    posthog_server: PostHogServer, proxy: ProxyServer, caplog: pytest.LogCaptureFixture
) -> None:
    reported: list[Exception] = []
    caplog.set_level(logging.DEBUG, "analytics_posthog")
    proxies = {"http": proxy.url.replace("://", "://me:S3cret@")}
    settings: dict[str, Any] = {"max_retries": 0, "on_error": lambda error, _: reported.append(error)}
    with Client("phc_key", posthog_server.url, proxies=proxies, **settings) as client:
        client.track("u1", "Bought")
    assert [passed.authorization for passed in proxy.passed] == ["Basic bWU6UzNjcmV0"]
    proxy.__exit__(None, None, None)
    with Client("phc_key", posthog_server.url, proxies=proxies, **settings) as client:
        client.track("u2", "Bought")
    assert ids(posthog_server) == ["u1"]
    assert len(reported) == 1
    ours = [record.getMessage() for record in caplog.records if record.name == "analytics_posthog"]
    assert [
        text for text in [*ours, str(reported[0]), repr(reported[0])] if "S3cret" in text or "127.0.0.1" in text
    ] == []


def test_the_module_s_setting_is_used(posthog_server: PostHogServer, proxy: ProxyServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.proxies = {"http": proxy.url}
    analytics.track("u1", "Bought")
    assert analytics.flush() is True
    assert ids(posthog_server) == ["u1"]
    assert proxy.passed == batches(posthog_server)


def test_the_app_s_dict_of_proxies_is_not_changed(
    posthog_server: PostHogServer, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    proxies = {"http": proxy.url}
    with Client("phc_key", posthog_server.url, proxies=proxies) as client:
        client.track("u1", "Bought")
    assert proxies == {"http": proxy.url}
