"""Reads the lines of an archive, with their numbers: plain or gzip, whole or damaged. Holds only one line in memory.

What it does not do: know what a line means.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final, NamedTuple

from .archive import reading

MAX_LINE: Final = 2 * 1024 * 1024  # bytes. A longer line is skipped without being held; an event may have 900 KiB
_CHUNK: Final = 128 * 1024
_GZIP: Final = b"\x1f\x8b"
_AS_GZIP: Final = 31  # zlib's `wbits` for gzip
_BOM: Final = b"\xef\xbb\xbf"
_TORN: Final = "the file's gzip data ends too early; what would follow is missing"
_DAMAGED: Final = "the file's gzip data is damaged here; what follows can't be read"
_TOO_LONG: Final = f"a line of more than {MAX_LINE // 1024 // 1024} MiB"


class Line(NamedTuple):
    """A line without its line end. `fault` says why it can't be read, "" if it can."""

    number: int
    text: bytes
    fault: str


class _Broken(Exception):
    """The data ends here, for this reason."""


def lines(file: BinaryIO, after: int = 0) -> Iterator[Line]:
    """Yield the lines of a file with a number above `after`; the first is number 1. Raises what `file.read` raises.

    If the file is cut off or damaged, a last line without text says so.
    """
    number = 1
    begun = bytearray()  # a line whose end is not read yet
    held = 0  # its length, with the bytes that are not kept
    fault = ""
    chunks = _content(file)
    while True:
        try:
            *whole, rest = next(chunks).split(b"\n")
        except StopIteration:
            break
        except _Broken as broken:
            fault = str(broken)
            break
        for text in whole:
            if held or number == 1:
                begun += text
                held += len(text)
                text = bytes(begun).removeprefix(_BOM if number == 1 else b"")
                begun.clear()
            if number > after:
                yield Line(number, text, "") if held <= MAX_LINE else Line(number, b"", _TOO_LONG)
            held = 0
            number += 1
        begun += rest
        held += len(rest)
        if held > MAX_LINE:
            begun[:] = b"x"
    text = bytes(begun).removeprefix(_BOM if number == 1 else b"")
    if text and number > after:
        yield Line(number, text, "") if held <= MAX_LINE else Line(number, b"", _TOO_LONG)
    number += bool(text)
    if fault and number > after:
        yield Line(number, b"", fault)


def readable(url: str, file: BinaryIO, after: int = 0) -> Iterator[Line]:
    """The same for the open file at `url`. Raises Unreadable."""
    with reading(url):
        yield from lines(file, after)


def _content(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's content in pieces, unzipped if it begins like gzip. Raises _Broken."""
    data = file.read(_CHUNK)
    if len(data) == 1:  # from a pipe
        data += file.read(_CHUNK)
    if data.startswith(_GZIP):
        yield from _unzipped(data, file)
        return
    while data:
        yield data
        data = file.read(_CHUNK)


def _unzipped(data: bytes, file: BinaryIO) -> Iterator[bytes]:
    """The same for gzip: any number of members, and zeros after them, which some tools add."""
    member = zlib.decompressobj(_AS_GZIP)
    while True:
        if member.eof:
            data = (member.unused_data or file.read(_CHUNK)).lstrip(b"\0")
            while not data and (more := file.read(_CHUNK)):
                data = more.lstrip(b"\0")
            if not data:
                return
            member = zlib.decompressobj(_AS_GZIP)
        before = member.copy()
        try:
            content = member.decompress(data, _CHUNK)
        except zlib.error:
            yield from _until_damage(before, data)
            raise _Broken(_DAMAGED) from None
        yield content
        data = member.unconsumed_tail
        if not data and not member.eof and len(content) < _CHUNK:
            data = file.read(_CHUNK)
            if not data:
                raise _Broken(_TORN)


def _until_damage(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield the content before the damage, byte by byte: zlib gives nothing of a piece that has damage in it."""
    with suppress(zlib.error):
        for place in range(len(data)):
            yield member.decompress(data[place : place + 1])
