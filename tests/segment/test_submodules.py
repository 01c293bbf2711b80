"""Segment's submodules: each public name that its code defines exists here, and does here what it does there."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
import requests

import analytics_posthog
from analytics_posthog import consumer, errors, oauth_manager, request, utils
from tests.support.posthog_server import PostHogServer

SUBMODULES = ["client", "consumer", "oauth_manager", "request", "utils", "version"]
LOGGERS = {"log"}  # "segment"; this package's is "analytics_posthog"


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_class_function_and_constant_of_segment_s_submodule_exists_here(name: str) -> None:
    source = inspect.getsource(importlib.import_module(f"segment.analytics.{name}"))
    defined = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined.update(target.id for target in node.targets if isinstance(target, ast.Name))
    assert defined
    ours = vars(importlib.import_module(f"analytics_posthog.{name}"))
    assert sorted(name for name in defined - LOGGERS - set(ours) if not name.startswith("_")) == []


def test_the_errors_are_the_ones_that_are_raised() -> None:
    assert request.APIError is consumer.APIError is errors.APIError
    assert issubclass(errors.DeliveryError, request.APIError)


@pytest.mark.parametrize(
    "value",
    [date(2026, 11, 27), datetime(2026, 11, 27, 1, 2, 3), datetime(2026, 11, 27, tzinfo=timezone.utc)],
    ids=str,
)
def test_the_serializer_writes_dates_as_segment_s(value: date) -> None:
    from segment.analytics.request import DatetimeSerializer

    ours = json.dumps({"t": value}, cls=request.DatetimeSerializer)
    assert ours == json.dumps({"t": value}, cls=DatetimeSerializer)


def test_the_serializer_refuses_what_segment_s_refuses() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"t": object()}, cls=request.DatetimeSerializer)


@pytest.mark.parametrize("given", [1, "a", None, {"a": [1, {"b": b"c"}]}, Decimal("1.50"), {1, 2}], ids=repr)
def test_clean_makes_what_segment_s_clean_makes(given: Any) -> None:
    from segment.analytics.utils import clean

    assert repr(utils.clean(given)) == repr(clean(given))


def test_the_small_helpers_answer_as_segment_s() -> None:
    from segment.analytics import utils as theirs

    naive, aware = datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone.utc)
    for module in (utils, theirs):
        assert [module.is_naive(naive), module.is_naive(aware)] == [True, False]
        assert module.guess_timezone(aware) == aware
        assert module.guess_timezone(naive).tzinfo is not None
        assert module.total_seconds(timedelta(minutes=1, milliseconds=5)) == 60.005
        assert [module.remove_trailing_slash(host) for host in ("http://h/", "http://h")] == ["http://h", "http://h"]


def test_require_raises_an_assertion_error_as_segment_s() -> None:
    from segment.analytics import client as theirs

    from analytics_posthog import client as ours

    for module in (ours, theirs):
        module.require("user_id", "u1", module.ID_TYPES)
        with pytest.raises(AssertionError, match="user_id must have"):
            module.require("user_id", object(), module.ID_TYPES)
        assert [module.stringify_id(value) for value in ("u1", 1, None)] == ["u1", "1", None]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("9999", 300), ("-1", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("soon", None), ("", None)],
)
def test_parse_retry_after_answers_as_segment_s(header: str, seconds: int | None) -> None:
    from segment.analytics.request import parse_retry_after

    response = requests.Response()
    response.headers["Retry-After"] = header
    assert [request.parse_retry_after(response), parse_retry_after(response)] == [seconds, seconds]


def refused(status: int = 500) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    return response


def test_a_post_that_a_test_puts_on_the_session_gets_each_batch() -> None:
    told: list[Exception] = []
    client = analytics_posthog.Client("phc_key", max_retries=0, on_error=lambda error, batch: told.append(error))
    with mock.patch("analytics_posthog.request._session.post", side_effect=lambda *_, **__: refused()) as post:
        client.track("u1", "Bought")
        client.flush()
    assert (post.call_count, [type(error) for error in told]) == (1, [errors.DeliveryError])
    error = told[0]
    assert isinstance(error, request.APIError)
    assert error.status == 500
    client.shutdown()


def test_a_mocked_post_with_a_status_alone_is_an_answer() -> None:
    taken: list[Any] = []
    client = analytics_posthog.Client("phc_key", on_success=taken.extend)
    with mock.patch("analytics_posthog.request._session.post") as post:
        post.return_value.status_code = 200
        client.track("u1", "Bought")
        assert client.flush()
    assert [message["event"] for message in taken] == ["Bought"]
    client.shutdown()


def test_what_an_app_sets_on_the_session_is_used_by_clients_made_later(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(request._session.headers, "X-Team", "growth")
    monkeypatch.setattr(request._session, "verify", "/etc/ssl/own.pem")
    client = analytics_posthog.Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    client.shutdown()
    assert [sent.headers["X-Team"] for sent in posthog_server.requests] == ["growth"]


def test_post_sends_a_batch_of_segment_s_messages(posthog_server: PostHogServer) -> None:
    message = {
        "type": "track",
        "event": "Bought",
        "userId": "u1",
        "messageId": "m1",
        "timestamp": "2026-11-27T00:00:00Z",
    }
    response = request.post("phc_key", posthog_server.url, batch=[message])
    assert response.status_code == 200
    assert [(event["event"], event["distinct_id"]) for event in posthog_server.events] == [("Bought", "u1")]


def test_post_raises_an_api_error_for_an_answer_that_is_no_success(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (500, {}, b"{}")
    with pytest.raises(request.APIError) as caught:
        request.post("phc_key", posthog_server.url, batch=[{"type": "track", "event": "Bought", "userId": "u1"}])
    assert caught.value.status == 500
    assert "phc_key" not in str(caught.value)


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (consumer.Consumer, "Set thread, upload_size, upload_interval or sync_mode on the client"),
        (oauth_manager.OauthManager, "set write_key to the project API key"),
    ],
)
def test_what_means_nothing_here_says_what_to_use_instead(made: Any, advice: str) -> None:
    with pytest.raises(errors.InvalidSetting, match=advice):
        made("id", "key")
