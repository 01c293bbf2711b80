"""Code that handles the errors of Segment's client goes on working: the same attributes, and requests' exceptions."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import requests

from analytics_posthog import Client, DeliveryError
from analytics_posthog.errors import APIError, NoAnswer, TimedOut
from tests.support.callbacks import Reported
from tests.support.posthog_server import HANG, RESET, PostHogServer


def reported_by(server: PostHogServer, **settings: Any) -> Any:
    """The error that `on_error` gets for one call."""
    reported: Reported = []
    arguments = {"max_retries": 0, "on_error": lambda *args: reported.append(args), **settings}
    with Client("phc_key", server.url, **arguments) as client:
        client.track("u1", "Bought")
    ((error, _),) = reported
    return error


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"type": "validation_error", "code": "invalid_payload", "detail": "wrong"}, "invalid_payload"),
        (401, {"code": "u1@shop.example"}, "unknown"),
        (403, {"code": 5}, "unknown"),
        (404, {"code": "x" * 51}, "unknown"),
        (422, ["code"], "unknown"),
        (500, None, "unknown"),
        (300, None, "redirect"),
    ],
)
@pytest.mark.parametrize("gzip", [False, True])
def test_an_answer_is_an_api_error_with_its_status_code_and_response(
    status: int, body: Any, code: str, gzip: bool, posthog_server: PostHogServer
) -> None:
    text = b"" if body is None else json.dumps(body).encode()
    posthog_server.answer = lambda _: (status, {"X-Request-Id": "r1"}, text)
    error = reported_by(posthog_server, gzip=gzip)
    assert isinstance(error, APIError)
    assert not isinstance(error, requests.RequestException)
    assert (error.status, error.code, error.message) == (status, code, str(error))
    assert error.response is not None
    assert (error.response.status_code, error.response.headers["X-Request-Id"]) == (status, "r1")
    assert error.response.content == text


def test_the_response_does_not_hold_the_request_with_its_key_and_events(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (401, {}, b"")
    error = reported_by(posthog_server)
    assert getattr(error.response, "request", None) is None
    assert "phc_key" not in repr(vars(error)) + repr(vars(error.response))


@pytest.mark.parametrize(
    ("fault", "kind", "theirs"),
    [(RESET, NoAnswer, requests.ConnectionError), (HANG, TimedOut, requests.Timeout)],
)
def test_no_answer_is_an_exception_of_requests_too(
    fault: Any, kind: type[Exception], theirs: type[Exception], posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: fault
    error = reported_by(posthog_server, timeout=0.2)
    posthog_server.release()
    assert type(error) is kind
    assert isinstance(error, theirs)
    assert isinstance(error, DeliveryError)
    assert (error.status, error.code, error.response, error.request) == (None, "unknown", None, None)


@pytest.mark.parametrize("error", [DeliveryError("text", 400, "code"), NoAnswer("text"), TimedOut("text")])
def test_an_error_survives_pickle(error: DeliveryError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == "text"


def test_segment_s_own_error_can_be_made_as_there() -> None:
    error = APIError(400, "invalid", "wrong")
    assert (error.status, error.code, error.message, error.response) == (400, "invalid", "wrong", None)
    assert str(error) == "[Segment] invalid: wrong (400)"
