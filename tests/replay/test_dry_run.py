"""What `replay --dry-run` prints."""

from __future__ import annotations

from pathlib import Path

from tests.support.replays import message, replay, write


def test_a_dry_run_says_names_that_the_output_s_encoding_has_not(tmp_path: Path) -> None:
    write(tmp_path / "a.gz", [message(0, event="Größe")])
    done = replay(None, tmp_path, "a.gz", "--dry-run", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout
