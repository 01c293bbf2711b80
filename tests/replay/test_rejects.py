"""The rejects file: what was in it before, whose it is, and that no line is lost or written twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analytics_posthog.errors import DeliveryError
from analytics_posthog.replay import Summary, replay_file
from analytics_posthog.replay.checkpoint import State
from analytics_posthog.replay.rejects import Reject, Rejects
from tests.support.posthog_server import PostHogServer
from tests.support.replays import KEY, message, mode, rejects, write


def run(server: PostHogServer, directory: Path) -> Summary:
    options: dict[str, Any] = {
        "state": directory / "state",
        "rejects": directory / "rejects.jsonl",
        "rate": 0,
        "max_retries": 0,
    }
    return replay_file(str(directory / "a.jsonl"), write_key=KEY, host=server.url, **options)


def test_a_file_with_other_content_at_the_same_path_has_rejects_of_its_own(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    write(tmp_path / "a.jsonl", [message(1), b"bad\n", message(3)], zipped=False)
    assert run(posthog_server, tmp_path).rejected == {"not valid JSON": 1}
    write(tmp_path / "a.jsonl", [message(1), b"other and longer\n", message(3)], zipped=False)
    posthog_server.answer = lambda request: (503, {}, b"")
    with pytest.raises(DeliveryError):
        run(posthog_server, tmp_path)
    posthog_server.answer = None
    assert run(posthog_server, tmp_path).rejected == {"not valid JSON": 1}
    assert [(reject["line"], reject["text"]) for reject in rejects(tmp_path / "rejects.jsonl")] == [
        (2, "bad"),
        (2, "other and longer"),
    ]


def test_a_reject_that_was_written_before_its_state_was_is_written_once(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.jsonl", [message(1), b"bad\n", message(3)], zipped=False)
    save = State.save

    def full(state: State, line: int, summary: Summary, *, done: bool = False) -> None:
        if line:
            raise OSError(28, "No space left on device")
        save(state, line, summary, done=done)

    with monkeypatch.context() as patch:
        patch.setattr(State, "save", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                run(posthog_server, tmp_path)
    assert run(posthog_server, tmp_path).rejected == {"not valid JSON": 1}
    assert [reject["line"] for reject in rejects(tmp_path / "rejects.jsonl")] == [2]


def test_lines_that_somebody_has_edited_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"file": "a", "line": two, "reason": ""}\n{"file": "a", "line": 3, "reason": ""}\n{"file": "a", "line": \n'
    )
    assert Rejects(path).numbers("a", 0, [str(path), 0]) == {3}


def test_a_file_that_was_there_before_is_nobody_else_s_to_read_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.touch()
    path.chmod(0o644)
    Rejects(path).write("a", [Reject(1, "why", b"text")])
    assert mode(path) == 0o600


def test_a_directory_for_the_state_that_was_there_before_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    State(there, {"url": "a"})
    State(tmp_path / "new" / "state", {"url": "a"})
    assert (mode(there), mode(tmp_path / "new" / "state")) == (0o755, 0o700)
