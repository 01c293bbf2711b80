"""Messages that PostHog would refuse, with their whole batch, are not sent."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog import Client, InvalidMessage
from analytics_posthog._delivery import refusal

BLANK_NAME = "track needs an event name that isn't blank. Pass event='...'"


def message(call: str = "track", **fields: Any) -> dict[str, Any]:
    return {"type": call, "event": "Bought", "userId": "u1", "anonymousId": None, **fields}


@pytest.mark.parametrize("name", ["", " ", "\n\t", "\u00a0"])
def test_a_track_with_a_blank_name_is_refused(name: str) -> None:
    assert refusal(message(event=name)) == BLANK_NAME


@pytest.mark.parametrize("call", ["identify", "page", "screen", "group", "alias"])
def test_other_calls_need_no_name(call: str) -> None:
    fields = message(call)
    del fields["event"]
    assert refusal({**fields, "groupId": "g1"}) is None


@pytest.mark.parametrize("group_id", [None, "", " ", "\t"])
def test_a_group_with_a_blank_id_is_refused(group_id: str | None) -> None:
    reason = "group needs a group_id that isn't blank. Pass group_id='...'"
    assert refusal(message("group", groupId=group_id)) == reason


def test_a_group_id_may_have_400_characters() -> None:
    assert refusal(message("group", groupId="g" * 400)) is None
    reason = "group needs a group_id of at most 400 characters"
    assert refusal(message("group", groupId="g" * 401)) == reason


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "group", "alias"])
@pytest.mark.parametrize(
    "ids",
    [
        {"userId": ""},
        {"userId": None},
        {"userId": "  "},
        {"userId": None, "anonymousId": "\n"},
        {"userId": " ", "anonymousId": "a1"},
    ],
)
def test_a_message_with_a_blank_id_is_refused(call: str, ids: dict[str, Any]) -> None:
    assert refusal(message(call, **ids)) == f"{call} needs an id that isn't blank. Pass user_id or anonymous_id"


@pytest.mark.parametrize("ids", [{}, {"userId": "", "anonymousId": "a1"}, {"userId": None, "anonymousId": "a1"}])
def test_one_id_is_enough(ids: dict[str, Any]) -> None:
    assert refusal(message(**ids)) is None


def test_a_message_may_have_no_anonymous_id_at_all() -> None:
    assert refusal({"type": "alias", "userId": "u1"}) is None
    assert refusal({"type": "alias", "userId": None}) is not None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"user_id": "u1", "event": " \n"}, "track needs an event name that isn't blank. Pass event='...'"),
        ({"user_id": "u1", "event": ""}, "track needs an event name that isn't blank. Pass event='...'"),
        ({"user_id": "  ", "event": "e"}, "track needs an id that isn't blank. Pass user_id or anonymous_id"),
    ],
)
def test_a_blank_name_or_id_is_reported_to_on_error_and_not_raised(arguments: dict[str, Any], text: str) -> None:
    reported: list[Any] = []
    client = Client("phc_key", send=False, on_error=lambda *of: reported.append(of))
    accepted, message = client.track(**arguments)
    ((error, messages),) = reported
    assert (accepted, type(error), str(error), messages) == (False, InvalidMessage, text, [message])
