"""The rejects file: its earlier content stays, only its owner may read it, and each line is written once."""

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


def test_a_reject_is_written_once_even_if_its_state_could_not_be_saved(
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


def test_lines_that_a_user_edited_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"file": "a", "line": two, "reason": ""}\n{"file": "a", "line": 3, "reason": ""}\n{"file": "a", "line": \n'
    )
    assert Rejects(path).numbers("a", 0, [str(path), 0]) == {3}


def test_an_existing_file_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.touch()
    path.chmod(0o644)
    Rejects(path).write("a", [Reject(1, "why", b"text")])
    assert mode(path) == 0o600


def test_an_existing_directory_for_the_state_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    State(there, {"url": "a"})
    State(tmp_path / "new" / "state", {"url": "a"})
    assert (mode(there), mode(tmp_path / "new" / "state")) == (0o755, 0o700)


def test_a_part_of_a_reject_that_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    file = Rejects(tmp_path / "r.jsonl")
    file.write("a", [Reject(1, "why", b"x")])
    whole = (tmp_path / "r.jsonl").read_bytes()
    for torn in (whole[:5], whole[:20], whole[:-1] + b"y" * 200_000):
        (tmp_path / "r.jsonl").write_bytes(whole + torn)
        file.write("a", [Reject(2, "why", b"")])
        assert rejects(tmp_path / "r.jsonl")[1:] == [{"file": "a", "line": 2, "reason": "why"}]
    (tmp_path / "r.jsonl").write_bytes(b"somebody's notes")
    file.write("a", [Reject(3, "why", b"")])
    assert (tmp_path / "r.jsonl").read_bytes().splitlines()[0] == b"somebody's notes"
    file.write('b"', [Reject(4, "why", b"")])
    begin = [str(tmp_path / "r.jsonl"), 0]
    assert (file.numbers("a", 0, begin), file.numbers("a", 3, begin), file.numbers('b"', 0, begin)) == ({3}, set(), {4})
    assert (file.numbers("a", 0, file.mark()), file.numbers("a", 0, ["elsewhere", 0]), file.numbers("a", 0, [])) == (
        set(),
        set(),
        set(),
    )
