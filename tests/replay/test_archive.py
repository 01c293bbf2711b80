"""Archives are found, sorted and read: gzip or not, whole or damaged."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import sys
from pathlib import Path

import pytest

from analytics_posthog.errors import InvalidSetting
from analytics_posthog.replay.archive import Unreadable, find, identity, name_of, reading
from analytics_posthog.replay.choice import checked_choice
from analytics_posthog.replay.event import Lines
from analytics_posthog.replay.lines import MAX_LINE, Line, lines
from analytics_posthog.replay.reader import portions

TORN = "the file's gzip data ends too early; what would follow is missing"
DAMAGED = "the file's gzip data is damaged here; what follows can't be read"


def read(data: bytes, after: int = 0) -> list[Line]:
    return list(lines(io.BytesIO(data), after))


def texts(data: bytes, after: int = 0) -> list[tuple[int, bytes]]:
    """The lines of data without a fault."""
    found = read(data, after)
    assert [line.fault for line in found] == [""] * len(found)
    return [(line.number, line.text) for line in found]


def made(directory: Path, *names: str) -> list[str]:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return [str(directory / name) for name in names]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a\nb\n", [(1, b"a"), (2, b"b")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"\xef\xbb\xbfa\nb", [(1, b"a"), (2, b"b")]),
        (b"\xef\xbb\xbf", []),
        (b"a\r\nb\r\n", [(1, b"a\r"), (2, b"b\r")]),
        (b"a\n\n\nb", [(1, b"a"), (2, b""), (3, b""), (4, b"b")]),
    ],
)
def test_lines_have_numbers_and_are_the_same_with_and_without_gzip(
    data: bytes, expected: list[tuple[int, bytes]]
) -> None:
    assert texts(data) == expected
    assert texts(gzip.compress(data)) == expected


def test_gzip_members_are_one_text_even_with_empty_members_and_zeros_between_them() -> None:
    members = [b"a\nb", b"", b"c\n", b"d"]
    assert texts(b"".join(map(gzip.compress, members)) + b"\0" * 300) == [(1, b"a"), (2, b"bc"), (3, b"d")]
    assert texts(b"".join(gzip.compress(one) + b"\0" * 7 for one in members)) == [(1, b"a"), (2, b"bc"), (3, b"d")]


def test_a_line_longer_than_a_piece_of_the_file_is_whole() -> None:
    long = [os.urandom(400_000).replace(b"\n", b"x"), b"short", os.urandom(300_000).replace(b"\n", b"x")]
    data = b"\n".join(long)
    assert [text for _, text in texts(data)] == long
    assert [text for _, text in texts(gzip.compress(data, 1))] == long


def test_only_lines_after_a_number_are_read_and_keep_their_numbers() -> None:
    assert texts(b"a\nb\nc\nd", after=2) == [(3, b"c"), (4, b"d")]
    assert texts(b"a\nb\n", after=2) == []


def test_a_gzip_that_is_cut_off_gives_its_whole_lines_and_a_fault() -> None:
    data = gzip.compress(b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(5000)))
    found = read(data[: len(data) // 2])
    assert len(found) > 1000
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert [line.fault for line in found] == [""] * (len(found) - 1) + [TORN]


def test_damage_in_a_gzip_ends_it_with_a_fault() -> None:
    data = bytearray(gzip.compress(b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(5000))))
    data[len(data) // 2 : len(data) // 2 + 100] = b"\xff" * 100
    found = read(bytes(data))
    assert found[-1].fault == DAMAGED
    assert {line.fault for line in found[:-1]} == {""}
    assert read(gzip.compress(b"a\n") + b"garbage") == [Line(1, b"a", ""), Line(2, b"", DAMAGED)]


def test_a_wrong_checksum_is_a_fault_after_the_lines() -> None:
    data = gzip.compress(b"a\nb\n")
    assert read(data[:-8] + b"12345678") == [Line(1, b"a", ""), Line(2, b"b", ""), Line(3, b"", DAMAGED)]


def test_a_line_over_2_mib_is_a_fault_and_the_lines_around_it_are_read() -> None:
    data = b"a\n" + b"x" * (MAX_LINE + 1) + b"\nb\n" + b"y" * (MAX_LINE + 1)
    fault = "a line of more than 2 MiB"
    assert read(data) == [Line(1, b"a", ""), Line(2, b"", fault), Line(3, b"b", ""), Line(4, b"", fault)]


def test_segment_s_files_are_sorted_by_day_over_all_sources_and_then_by_name(tmp_path: Path) -> None:
    names = [
        "segment-logs/b/1700000000000/1700000001000.2.gz",
        "segment-logs/a/1700000000000/1700000001000.10.gz",
        "segment-logs/a/1700086400000/1700086400001.gz",
        "segment-logs/b/1700086400000/1700086400002.gz",
    ]
    expected = made(tmp_path, *names)
    assert find([str(tmp_path)]) == expected
    assert find(reversed(expected)) == expected
    assert find([f"{tmp_path}/segment-logs/b", f"{tmp_path}/segment-logs/a"]) == expected


def test_other_files_are_sorted_in_natural_order(tmp_path: Path) -> None:
    expected = made(tmp_path, "day-2.jsonl", "day-10.jsonl", "day-10b.jsonl")
    assert find([str(tmp_path)]) == expected
    assert find([f"{tmp_path}/day-*.jsonl", expected[0]]) == expected


def test_a_directory_is_read_without_hidden_and_excluded_files(tmp_path: Path) -> None:
    made(tmp_path, ".hidden", ".state/x.json", "state/x.json", "rejects.jsonl", "a/.x/y.gz")
    (wanted,) = made(tmp_path, "a/b/c.gz")
    assert find([str(tmp_path)], exclude=[f"{tmp_path}/rejects.jsonl", f"{tmp_path}/state"]) == [wanted]
    assert find([f"{tmp_path}/.hidden"]) == [f"{tmp_path}/.hidden"]


def test_globs_find_files_in_directories_and_a_file_may_have_a_name_like_a_glob(tmp_path: Path) -> None:
    odd, deep = made(tmp_path, "odd[1].jsonl", "x/y/z.jsonl")
    assert find([odd]) == [odd]
    assert find([f"{tmp_path}/**/*.jsonl"]) == [odd, deep]


@pytest.mark.parametrize("place", ["missing.jsonl", "empty", "*.nothing", "file:///nowhere/at/all"])
def test_a_place_without_a_file_is_an_error_that_names_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidSetting, match=place.replace("*", r"\*")):
        find([place])


def test_an_address_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(InvalidSetting, match="nothing:// is no kind of address that fsspec knows"):
        find(["nothing://bucket/x"])


def test_urls_for_fsspec_may_be_files_directories_and_globs(tmp_path: Path) -> None:
    first, second = made(tmp_path, "x/1.gz", "x/2.gz")
    made(tmp_path, "x/.hidden/3.gz")
    expected = [f"file://{first}", f"file://{second}"]
    assert find([f"file://{tmp_path}"]) == expected
    assert find([f"file://{tmp_path}/x/*.gz"]) == expected
    assert find([f"file://{tmp_path}/*"]) == expected
    assert find([expected[0]]) == expected[:1]


def test_a_file_s_identity_changes_with_its_content(tmp_path: Path) -> None:
    (path,) = made(tmp_path, "a.gz")
    before = identity(path)
    assert identity(path) == before
    Path(path).write_bytes(b"xy")
    assert identity(path) != before
    assert name_of(path) == name_of("s3://bucket/b/a.gz") == "a.gz"


def test_without_fsspec_a_url_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InvalidSetting, match=r"s3:// needs more packages: pip install 'analytics-posthog\[s3\]'"):
        find(["s3://bucket/x"])


def test_links_in_a_circle_end_and_a_file_with_many_links_comes_once(tmp_path: Path) -> None:
    (wanted,) = made(tmp_path, "a/b/c.gz")
    os.symlink("..", tmp_path / "a" / "up")
    os.symlink(tmp_path, tmp_path / "a" / "b" / "top")
    os.symlink("a", tmp_path / "z")
    os.symlink("c.gz", tmp_path / "a" / "b" / "d.gz")
    assert find([str(tmp_path)]) == [wanted]
    assert find([f"{tmp_path}/*/b/*.gz", f"{tmp_path}/z", str(tmp_path)]) == [wanted]


def test_a_pipe_in_a_directory_is_ignored_and_a_broken_link_is_not(tmp_path: Path) -> None:
    (wanted,) = made(tmp_path, "a.gz")
    os.mkfifo(tmp_path / "pipe")
    os.symlink("nowhere", tmp_path / "b.gz")
    assert find([str(tmp_path)]) == [wanted, f"{tmp_path}/b.gz"]
    assert find([f"{tmp_path}/pipe"]) == [f"{tmp_path}/pipe"]


def test_a_long_line_in_tiny_pieces_is_read_whole() -> None:
    class Trickling(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(2)

    data = b"x" * 40_000 + b"\n\ny" + b"\n" * 2000
    assert [line.text for line in lines(Trickling(data)) if line.text] == [b"x" * 40_000, b"y"]


def test_an_unreadable_file_s_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(Unreadable("/x/a.gz", "Input/output error")))
    assert (type(error), str(error), error.url) == (Unreadable, "/x/a.gz can't be read: Input/output error", "/x/a.gz")


class Failing(io.BytesIO):
    """A file whose second read fails, as a network does."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise ConnectionError("secret")
        return super().read(22)


def test_a_read_that_fails_halfway_is_an_error_without_the_original_s_text() -> None:
    choice = checked_choice((None, None), (), (), set_once=False, group_type="g", person_profiles="always")
    read_before: list[tuple[int, int]] = []

    def read_all() -> None:
        for portion in portions("s3://bucket/x", Failing(b"{}\n" * 9), Lines("x", choice), after=0, most=5):
            read_before.append((portion.line, len(portion.rejects)))

    with pytest.raises(Unreadable) as caught:
        read_all()
    assert read_before == [(7, 7)]
    assert str(caught.value) == "s3://bucket/x can't be read: ConnectionError"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("NoCredentialsError", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        ("DefaultCredentialsError", "Set GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_missing_credentials_say_which_variables_to_set(name: str, remedy: str) -> None:
    with pytest.raises(Unreadable, match=f"no credentials. {remedy}"), reading("s3://bucket/a.gz"):
        raise type(name, (Exception,), {})("a secret")
