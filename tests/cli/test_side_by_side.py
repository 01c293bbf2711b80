"""`convert --side-by-side`: each part of the message beside its part of the event, in a terminal or not."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog._cli import main
from analytics_posthog._cli.side_by_side import Row, rows
from analytics_posthog._delivery import LIB
from tests.cli.test_convert import ALIAS, TRACK, event_of, text
from tests.convert.test_parity import CASES
from tests.support.child_process import environment, run_python


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "archive.jsonl"
    file.write_bytes(text(TRACK, ALIAS))
    return file


def test_each_part_of_the_event_is_beside_the_part_of_the_message_that_gave_it() -> None:
    assert rows(TRACK, event_of) == [
        Row("event", '"Order Completed"', "event", '"Order Completed"'),
        Row("userId", '"u1"', "distinct_id", '"u1"'),
        Row("anonymousId", '"a1"', "(not sent)", ""),
        Row("messageId", '"m1"', "uuid", json.dumps(event_of(TRACK)["uuid"])),
        Row("timestamp", '"2026-01-02T03:04:05.678Z"', "timestamp", '"2026-01-02T03:04:05.678Z"'),
        Row("properties.revenue", "12.5", "revenue", "12.5"),
        Row("properties.url", '"https://shop.example/checkout"', "$current_url", '"https://shop.example/checkout"'),
        Row("", "", "$host", '"shop.example"'),
        Row("context.ip", '"192.0.2.1"', "$ip", '"192.0.2.1"'),
        Row("", "", "segment_ip", '"192.0.2.1"'),
        Row(
            "context.page",
            '{"url": "https://shop.example/cart", "path": "/cart"}',
            "segment_page",
            '{"url": "https://shop.example/cart", "path": "/cart"}',
        ),
        Row("context.page.path", '"/cart"', "$pathname", '"/cart"'),
        Row("context.groupId", '"g1"', "segment_groupId", '"g1"'),
        Row("", "", "$groups.segment_group", '"g1"'),
        Row("receivedAt", '"2026-01-02T03:04:06.000Z"', "(not sent)", ""),
        Row("(added)", "", "$lib", json.dumps(LIB["$lib"])),
        Row("", "", "$lib_version", json.dumps(LIB["$lib_version"])),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["message"]["type"])
def test_nothing_in_the_event_is_left_out_of_the_page(case: dict[str, Any]) -> None:
    event = event_of(case["message"])
    shown = {row.right for row in rows(case["message"], event_of)}
    properties = {
        name
        for name in event["properties"]
        if name not in shown and not any(right.startswith(f"{name}.") for right in shown)
    }
    assert properties <= {"distinct_id"}
    assert {"event", "distinct_id"} <= shown


def test_a_type_s_event_name_is_beside_the_type() -> None:
    assert rows(ALIAS, event_of)[:3] == [
        Row("type", '"alias"', "event", '"$create_alias"'),
        Row("userId", '"u1"', "distinct_id", '"u1"'),
        Row("previousId", '"a1"', "alias", '"a1"'),
    ]


def side_by_side(
    *messages: dict[str, Any], columns: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> list[str]:
    file = tmp_path / "archive"
    file.write_bytes(text(*messages))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        assert main(["convert", "--side-by-side", str(file)]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_page_of_80_columns(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = side_by_side(ALIAS, columns=80, capsys=capsys, tmp_path=tmp_path)
    place = f"{tmp_path / 'archive'}:1"
    version = LIB["$lib_version"]
    assert shown == [
        f"{place}  alias",
        'type  "alias"                      -> event  "$create_alias"',
        'userId  "u1"                       -> distinct_id  "u1"',
        'previousId  "a1"                   -> alias  "a1"',
        'messageId  "m2"                    -> uuid',
        f'                                        "{event_of(ALIAS)["uuid"]}"',
        'timestamp  "2026-01-02T03:04:06Z"  -> timestamp  "2026-01-02T03:04:06Z"',
        "(added)                            -> $geoip_disable  true",
        '                                   -> $lib  "posthog-python"',
        f'                                   -> $lib_version  "{version}"',
        "",
    ]


def test_a_narrow_page_has_the_event_below_the_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = side_by_side(ALIAS, columns=40, capsys=capsys, tmp_path=tmp_path)
    assert shown[1:7] == [
        'type  "alias"',
        ' -> event  "$create_alias"',
        'userId  "u1"',
        ' -> distinct_id  "u1"',
        'previousId  "a1"',
        ' -> alias  "a1"',
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 132])
def test_no_line_is_wider_than_the_page_whatever_the_values_are(
    columns: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wide = {"long": "x" * 500, "日本語" * 20: "日本語" * 50, "k" * 300: 1, "accents": "e\u0301" * 100}
    shown = side_by_side({**TRACK, "properties": wide}, columns=columns, capsys=capsys, tmp_path=tmp_path)
    cells = [sum(0 if c == "\u0301" else 2 if c > "\u2fff" else 1 for c in line) for line in shown[1:]]
    assert max(cells) <= columns


def test_a_value_can_give_the_terminal_no_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hostile = {"a\x1b[31m\x07": "b\x1b]0;title\x07\x9b31m\u202e\n\r"}
    shown = side_by_side(
        {**TRACK, "event": "\x1b[2J", "properties": hostile}, columns=80, capsys=capsys, tmp_path=tmp_path
    )
    assert [line for line in shown if not line.isprintable()] == []


def in_a_terminal(*arguments: str, **variables: str) -> str:
    """Run the command with a real terminal as its standard output, and return what it got."""
    ours, theirs = pty.openpty()
    settings = environment(**{"TERM": "xterm-256color", "COLUMNS": "80", **variables})
    for name in ({"NO_COLOR", "FORCE_COLOR"} & settings.keys()) - variables.keys():
        del settings[name]
    child = subprocess.Popen(
        [sys.executable, "-m", "analytics_posthog", "convert", *arguments], env=settings, stdout=theirs
    )
    os.close(theirs)
    shown = b""
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while piece := terminal.read(4096):
                shown += piece
        except OSError:  # Linux says so that the other end is closed
            pass
    assert child.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_the_same_text(archive: Path) -> None:
    plain = run_python("-m", "analytics_posthog", "convert", "--side-by-side", str(archive), COLUMNS="80").stdout
    coloured = in_a_terminal("--side-by-side", str(archive))
    assert "\x1b[36m" in coloured
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in without.splitlines()] == plain.splitlines()


def test_no_color_is_followed(archive: Path) -> None:
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", in_a_terminal("--side-by-side", str(archive), NO_COLOR="1"))


def test_without_rich_a_terminal_gets_plain_text(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['rich'] = None\n")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    plain = run_python("-m", "analytics_posthog", "convert", "--side-by-side", str(archive), COLUMNS="80").stdout
    assert in_a_terminal("--side-by-side", str(archive), PYTHONPATH=paths) == plain


def test_an_encoding_without_a_character_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "archive"
    file.write_bytes(text({**TRACK, "event": "Größe 日本"}))
    done = run_python(
        "-m", "analytics_posthog", "convert", "--side-by-side", str(file), PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout


def test_a_page_for_a_message_with_very_many_parts_is_made_in_bounded_time() -> None:
    message = {**TRACK, "properties": {f"p{number}": {"x": {"y": number}} for number in range(2000)}}
    calls = 0

    def counted(message: dict[str, Any]) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return event_of(message)

    assert len(rows(message, counted)) >= 2000
    assert calls <= 601
