"""The options of replay_file choose and convert messages, and a wrong option is an error."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog.errors import AnalyticsError, InvalidSetting
from analytics_posthog.replay import CONSENT, REFUSAL, Summary, replay_file, sources
from tests.support.posthog_server import PostHogServer
from tests.support.replays import KEY, message, numbers, write


def run(server: PostHogServer, path: Path | str, **options: Any) -> Summary:
    return replay_file(str(path), write_key=KEY, host=server.url, **{"rate": 0, "max_retries": 0, **options})


def test_the_options_choose_messages_and_the_rest_is_counted_as_skipped(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    days = [message(number, timestamp=f"2024-01-{number + 1:02d}T00:00:00.000Z") for number in range(5)]
    inside = "2024-01-02T12:00:00.000Z"
    others = [
        message(10, "page", timestamp=inside),
        message(11, event="Heartbeat", timestamp=inside),
        message(12, integrations={"All": False}, timestamp=inside),
        message(13, integrations={"All": False, "PostHog": {"x": 1}}, timestamp=inside),
    ]
    path = write(tmp_path / "a.gz", days + others)
    summary = run(
        posthog_server, path, since="2024-01-02", until=date(2024, 1, 4), only=["track"], skip_events=["Heartbeat"]
    )
    assert numbers(posthog_server.events) == [1, 2, 13]
    assert summary.skipped == {
        "before --since": 1,
        "from --until on": 2,
        "not in --only": 1,
        "in --skip-events: Heartbeat": 1,
        "its integrations keep it from PostHog": 1,
    }
    assert (summary.first, summary.last) == ("2024-01-02T00:00:00.000+00:00", "2024-01-03T00:00:00.000+00:00")


def test_skip_events_takes_patterns_and_names(posthog_server: PostHogServer, tmp_path: Path) -> None:
    events = ["Debug", "Debug Start", "debug start", "[Beta] Opened", "B Opened", "Bought", "What?"]
    path = write(tmp_path / "a.gz", [message(number, event=event) for number, event in enumerate(events)])
    summary = run(posthog_server, path, skip_events=["Debug *", "[Beta] Opened", "What?"])
    assert [event["event"] for event in posthog_server.events] == ["Debug", "debug start", "B Opened", "Bought"]
    assert summary.skipped == {
        "in --skip-events: Debug *": 1,
        "in --skip-events: What?": 1,
        "in --skip-events: [Beta] Opened": 1,
    }


CONSENTS: list[Any] = [
    {"categoryPreferences": {"Analytics": True, "Advertising": True}},
    {"categoryPreferences": {"Analytics": True, "Advertising": False}},
    {"categoryPreferences": {"Analytics": "yes"}},
    {"categoryPreferences": {"Advertising": True}},
    {"categoryPreferences": []},
    None,
    "all",
]


def test_require_consent_sends_only_what_says_yes_to_each_category(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    messages = [message(number, context={"consent": consent}) for number, consent in enumerate(CONSENTS)]
    path = write(tmp_path / "a.gz", [*messages, message(7), message(8, context=[])])
    summary = run(posthog_server, path, require_consent=["Analytics"])
    assert numbers(posthog_server.events) == [0, 1]
    assert summary.skipped == {"no consent to Analytics": 7}
    assert summary.consent == {CONSENT: 2, REFUSAL: 1}
    posthog_server.clear()
    summary = run(posthog_server, path, require_consent=["Analytics", "Advertising"])
    assert numbers(posthog_server.events) == [0]
    assert summary.skipped == {"no consent to Advertising": 7, "no consent to Analytics": 1}
    posthog_server.clear()
    assert run(posthog_server, path).consent == {CONSENT: 4, REFUSAL: 1}
    assert len(posthog_server.events) == 9


def test_set_once_sends_traits_that_overwrite_nothing(posthog_server: PostHogServer, tmp_path: Path) -> None:
    messages = [
        message(0, "identify"),
        message(1, "identify", userId=None, anonymousId="a"),
        message(2, properties={"$set": {"a": 1, "b": 1}, "$set_once": {"b": 2}}),
        message(3, "group"),
    ]
    run(posthog_server, write(tmp_path / "a.gz", messages), set_once=True)
    found = [
        {key: value for key, value in event["properties"].items() if "set" in key} for event in posthog_server.events
    ]
    assert found == [
        {"$set_once": {"number": 0}},
        {"$set_once": {"number": 1}},
        {"$set_once": {"a": 1, "b": 2}},
        {"$group_set": {"number": 3}},
    ]


def test_group_type_and_person_profiles_work_as_in_a_client(posthog_server: PostHogServer, tmp_path: Path) -> None:
    messages = [message(0, "group"), message(1, userId=None, anonymousId="a")]
    run(posthog_server, write(tmp_path / "a.gz", messages), group_type="company", person_profiles="identified_only")
    assert posthog_server.events[0]["properties"]["$group_type"] == "company"
    assert posthog_server.events[1]["properties"]["$process_person_profile"] is False


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"since": "yesterday"}, "since must be a date or a time"),
        ({"until": 5}, "until must be a date or a time"),
        ({"only": ["tracks"]}, "only must name calls of track"),
        ({"rate": -1}, "rate must be a number"),
        ({"max_retries": 1.5}, "max_retries must be a whole number"),
        ({"group_type": ""}, "group_type"),
        ({"person_profiles": "never"}, "person_profiles"),
        ({"write_key": ""}, "write_key is empty"),
        ({"write_key": "phx_1"}, "personal API key"),
        ({"host": "posthog.com"}, "host must be a URL"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(options: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=text):
        replay_file(str(write(tmp_path / "a.gz", [])), **{"write_key": KEY, "host": "http://127.0.0.1:9", **options})


def test_a_state_that_is_not_a_directory_is_an_error(posthog_server: PostHogServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSetting, match="the state can't be kept"):
        run(posthog_server, write(tmp_path / "a.gz", [message(0)]), state=tmp_path / "file")


@pytest.mark.parametrize("url", ["missing.gz", "file:///nowhere/missing.gz"])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    url: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    with pytest.raises(AnalyticsError, match=f"{url} can't be read: No such file or directory"):
        run(posthog_server, url)
    with pytest.raises(AnalyticsError, match=f"{url} can't be read"):
        run(posthog_server, url, state=tmp_path / "state")


def test_sources_are_absolute_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b2.gz", "b10.gz", "skipped.gz"):
        write(tmp_path / name, [])
    assert sources(["."], exclude=["skipped.gz"]) == [str(tmp_path / "b2.gz"), str(tmp_path / "b10.gz")]


def test_a_datetime_without_a_zone_is_in_utc(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [message(0)])
    for since in (datetime(2024, 3, 1, 12, tzinfo=timezone.utc), datetime(2024, 3, 1, 12), "2024-03-01T13:00:00+01:00"):
        assert run(posthog_server, path, since=since).delivered == 1
    assert run(posthog_server, path, since="2024-03-01T12:00:00.001Z").delivered == 0


def test_another_option_key_or_host_is_another_replay(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [message(0)])
    others: list[dict[str, Any]] = [
        {},
        {"group_type": "company"},
        {"since": "2024-01-01"},
        {"skip_events": ["A", "B"]},
        {"write_key": "phc_other"},
        {"host": posthog_server.url.replace("127.0.0.1", "localhost")},
    ]
    for count, options in enumerate(others, start=1):
        for _ in range(2):
            settings = {"write_key": KEY, "host": posthog_server.url, "state": tmp_path / "state", **options}
            assert replay_file(str(path), **settings).delivered == 1
        assert len(posthog_server.events) == count
