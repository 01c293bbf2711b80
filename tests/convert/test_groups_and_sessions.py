"""Improvements 9 to 11: the type of groups, what integrations keep from PostHog, and sessions."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog import Client
from tests.convert.test_improvements import ALWAYS, NO_IP, OF_THE_CALL, UUID, made, properties, warnings
from tests.support.posthog_server import PostHogServer

SESSION = "0191b7a0-0000-7000-8000-000000000001"


def test_9_group_type_names_segment_s_groups(posthog_server: PostHogServer) -> None:
    company = {"settings": {"group_type": "company"}}
    found = properties(posthog_server, "group", traits={"plan": "a"}, **company)
    assert found == {**ALWAYS, **NO_IP, "$group_type": "company", "$group_key": "g1", "$group_set": {"plan": "a"}}
    posthog_server.clear()
    found = properties(posthog_server, "track", context={"groupId": "g1"}, **company)
    assert found == {**ALWAYS, **NO_IP, "$groups": {"company": "g1"}, "segment_groupId": "g1"}


def test_9_a_group_type_in_the_traits_is_a_trait(posthog_server: PostHogServer) -> None:
    traits = {"groupType": "team", "plan": "a"}
    found = properties(posthog_server, "group", traits=traits, settings={"group_type": "company"})
    assert found == {**ALWAYS, **NO_IP, "$group_type": "company", "$group_key": "g1", "$group_set": traits}


def by_traits(message: dict[str, Any]) -> Any:
    return message["traits"].get("groupType") or "segment_group"


def test_9_group_type_may_be_a_function_that_decides_for_the_context_s_group_too(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    traits = {"groupType": "team", "plan": "a"}
    found = properties(posthog_server, "group", traits=traits, settings={"group_type": by_traits})
    assert found == {**ALWAYS, **NO_IP, "$group_type": "team", "$group_key": "g1", "$group_set": traits}
    for own, expected in (({}, "segment_group"), ({"kind": "team"}, "team")):
        posthog_server.clear()
        settings = {"group_type": lambda message: message["properties"].get("kind") or by_traits(message)}
        found = properties(posthog_server, "track", properties=own, context={"groupId": "g1"}, settings=settings)
        assert found == {**ALWAYS, **NO_IP, **own, "$groups": {expected: "g1"}, "segment_groupId": "g1"}
    assert warnings(caplog) == []


@pytest.mark.parametrize("named", [None, " ", 5, ["team"], KeyError("secret")], ids=repr)
def test_9_a_function_that_gives_no_name_costs_no_event(
    named: Any, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    def group_type(message: dict[str, Any]) -> Any:
        if isinstance(named, Exception):
            raise named
        return named

    found = properties(posthog_server, "group", settings={"group_type": group_type})
    assert found == {**ALWAYS, **NO_IP, **OF_THE_CALL["group"]}
    (warning,) = warnings(caplog)
    assert "group_type" in warning
    assert "secret" not in warning


INTEGRATIONS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"All": True}, True),
    ({"All": False}, False),
    ({"All": False, "PostHog": True}, True),
    ({"All": False, "PostHog": {"option": 1}}, True),
    ({"All": False, "PostHog": {}}, True),
    ({"All": False, "posthog": True}, False),
    ({"all": False}, True),
    ({"PostHog": False}, False),
    ({"PostHog": False, "All": True}, False),
    ({"posthog": False}, True),
    ({"Mixpanel": False}, True),
    ({"Posthog": False}, False),
    ({"Posthog": False, "All": True}, False),
    ({"All": False, "Posthog": True}, True),
    ({"All": False, "Posthog": {"option": 1}}, True),
    ({"PostHog": True, "Posthog": False}, True),
    ({"PostHog": False, "Posthog": True}, False),
]


@pytest.mark.parametrize("sync_mode", [False, True], ids=["threads", "sync_mode"])
@pytest.mark.parametrize(("integrations", "sent"), INTEGRATIONS, ids=str)
def test_10_integrations_decide_whether_a_message_goes_to_posthog(
    integrations: dict[str, Any], sent: bool, sync_mode: bool, posthog_server: PostHogServer
) -> None:
    reported: list[Exception] = []
    settings = {"sync_mode": sync_mode, "on_error": lambda error, _: reported.append(error)}
    accepted, message = made(posthog_server, "track", settings, {"integrations": integrations})
    assert (accepted, message["integrations"], reported) == (True, integrations, [])
    assert [event["uuid"] for event in posthog_server.events] == ([UUID] if sent else [])


def test_11_segment_s_session_id_is_not_used(posthog_server: PostHogServer) -> None:
    found = properties(posthog_server, "track", context={"sessionId": 1767323045678})
    assert found == {**ALWAYS, **NO_IP, "segment_sessionId": 1767323045678}


def test_11_a_session_id_property_arrives(posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture) -> None:
    assert properties(posthog_server, "track", properties={"$session_id": SESSION}) == {
        **ALWAYS,
        **NO_IP,
        "$session_id": SESSION,
    }
    assert warnings(caplog) == []


def test_11_upper_case_session_ids_arrive_in_lower_case_and_a_window_stays_with_its_session(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    own = {"$session_id": SESSION.upper(), "$window_id": "w1"}
    assert properties(posthog_server, "track", properties=own) == {
        **ALWAYS,
        **NO_IP,
        "$session_id": SESSION,
        "$window_id": "w1",
    }
    assert warnings(caplog) == []


@pytest.mark.parametrize("session", [{}, {"$session_id": "abc"}, {"$session_id": None}], ids=str)
def test_11_a_window_without_a_usable_session_is_left_out_with_a_warning(
    session: dict[str, Any], posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    found = properties(posthog_server, "track", properties={**session, "$window_id": "w1"})
    assert found == {**ALWAYS, **NO_IP, **session}
    assert "$window_id" in warnings(caplog)[-1]


@pytest.mark.parametrize("session_id", ["0191b7a0-0000-4000-8000-000000000001", "abc", 1767323045678, None, ["x"]])
def test_11_a_session_id_that_posthog_ignores_gets_one_warning(
    session_id: Any, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Client("phc_key", posthog_server.url) as client:
        for _ in range(3):
            client.track("u1", "Bought", {"$session_id": session_id})
    sent = {**ALWAYS, **NO_IP, "$session_id": session_id, "distinct_id": "u1"}
    assert [event["properties"] for event in posthog_server.events] == [sent] * 3
    (warning,) = warnings(caplog)
    assert "$session_id" in warning
    assert str(session_id) not in warning.replace("None", "")
