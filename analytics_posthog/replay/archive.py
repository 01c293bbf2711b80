"""Finds archives of Segment messages, sorts them, oldest first, and opens them.

A place is a file, a directory, a glob, "-" for standard input, or a URL that fsspec knows (s3://, gs://, ...).
fsspec is imported only for a URL. What it does not do: read a file's content.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast

from ..errors import AnalyticsError, InvalidSetting

STDIN: Final = "-"
_BLOCK: Final = 4 * 1024 * 1024  # bytes of a remote file that are read ahead
# Segment's layout on S3: segment-logs/<source>/<day in ms>/<name>.gz
_SEGMENT_S3: Final = re.compile(r"/(\d{13})/([^/]+)$")
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}  # by a URL's scheme
_AWS: Final = "no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_NO_LOGIN: Final = {
    "NoCredentialsError": _AWS,
    "PartialCredentialsError": _AWS,
    "DefaultCredentialsError": "no credentials. Set GOOGLE_APPLICATION_CREDENTIALS to a service account's file",
}
_MAGIC: Final = re.compile(r"[*?\[]")


class Unreadable(AnalyticsError):
    """A file that can't be opened, or can't be read any further."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)  # both arguments, so that it can be pickled
        self.url, self.why = url, why

    def __str__(self) -> str:
        return f"{self.url} can't be read: {self.why}"


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Turn every error in the block into Unreadable: each of fsspec's file systems has errors of its own."""
    try:
        yield
    except AnalyticsError:
        raise
    except Exception as error:
        raise Unreadable(url, _why(error)) from error


def find(places: Iterable[str], *, exclude: Iterable[str] = ()) -> list[str]:
    """Return the files at `places`, each once, oldest first. In a directory, hidden files and `exclude` don't count.

    Raises InvalidSetting for a place without a file, or if it needs a package that isn't installed.
    """
    left_out = {os.path.abspath(path) for path in exclude}
    found: list[str] = []
    for place in places:
        files = [place] if place == STDIN else _remote(place) if is_url(place) else _local(place, left_out)
        if not files:
            raise InvalidSetting(
                f"no file at {place}. Name files, directories, globs, s3:// or gs:// URLs, or - for standard input"
            )
        found += files
    # By the real path, because many links may lead to the same file.
    once = {
        file if file == STDIN or is_url(file) else os.path.realpath(file): file
        for file in sorted(found, key=_age, reverse=True)
    }
    return sorted(once.values(), key=_age)


def is_url(place: str) -> bool:
    """Whether a place is a URL for fsspec."""
    return "://" in place


def name_of(url: str) -> str:
    """Return a file's name without its directory: it stays the same if the file is moved."""
    return re.split(r"[/\\]", url)[-1]


def identity(url: str) -> dict[str, Any]:
    """Return what changes with the file or its content: address, size in bytes, ETag or time. Raises Unreadable."""
    with reading(url):
        if not is_url(url):
            path = os.path.realpath(url)
            stat = os.stat(path)
            return {"url": path, "size": stat.st_size, "tag": str(stat.st_mtime_ns)}
        system, path = _filesystem(url)
        details = system.info(path)
    tag = next(
        (
            str(details[key])
            for key in ("ETag", "etag", "md5Hash", "LastModified", "updated", "mtime")
            if details.get(key)
        ),
        "",
    )
    return {"url": url, "size": details.get("size"), "tag": tag}


@contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """Open a file to read its bytes. Raises Unreadable."""
    if url == STDIN:
        # Unbuffered: a thread that waits for input would hold the buffer's lock when the process ends.
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
            yield cast(BinaryIO, raw)
        return
    with reading(url):
        if is_url(url):
            system, path = _filesystem(url)
            file = system.open(path, "rb", block_size=_BLOCK)
        else:
            file = open(url, "rb")  # noqa: SIM115 closed below
    with file:
        yield file


def _local(place: str, left_out: set[str]) -> list[str]:
    paths = [place] if os.path.lexists(place) else glob.glob(place, recursive=True) if _MAGIC.search(place) else []
    files: list[str] = []
    seen: set[str] = set()  # directories, because a link may lead back to one
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        for directory, names, inside in os.walk(path, followlinks=True):
            real = os.path.realpath(directory)
            if real in seen:
                names.clear()
                continue
            seen.add(real)
            names.sort(key=lambda name: (os.path.islink(os.path.join(directory, name)), name))
            names[:] = [
                name
                for name in names
                if not _hidden(name) and os.path.abspath(os.path.join(directory, name)) not in left_out
            ]
            files += [
                file for name in inside if not _hidden(name) and _may_be_read(file := os.path.join(directory, name))
            ]
    return [file for file in files if os.path.abspath(file) not in left_out]


def _may_be_read(path: str) -> bool:
    """Whether it is a file, or a broken link, which is an error later. A pipe or a device could block forever."""
    return os.path.isfile(path) or not os.path.exists(path)


def _remote(place: str) -> list[str]:
    try:
        system, path = _filesystem(place)
        if _MAGIC.search(path) and not system.exists(path):
            files = [
                file for match in system.glob(path) for file in (system.find(match) if system.isdir(match) else [match])
            ]
        else:
            files = system.find(path)  # a file finds itself
        below = len(path.rstrip("/"))
        kept = [file for file in files if not any(map(_hidden, file[below:].split("/")))]
        return [system.unstrip_protocol(file) for file in kept]
    except InvalidSetting:
        raise
    except Exception as error:
        raise InvalidSetting(f"{place} can't be listed: {_why(error)}") from error


def _filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path in it. Raises InvalidSetting if there is none."""
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        system, path = url_to_fs(url)
    except ImportError as error:
        scheme = url.partition("://")[0]
        extra = _EXTRAS.get(scheme)
        remedy = (
            f"pip install 'analytics-posthog[{extra}]'" if extra else "pip install fsspec, and what it names for that"
        )
        raise InvalidSetting(f"{scheme}:// needs more packages: {remedy}") from error
    except ValueError as error:
        raise InvalidSetting(
            f"{url.partition('://')[0]}:// is no kind of address that fsspec knows, such as s3:// or gs://"
        ) from error
    return system, path


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _age(url: str) -> tuple[Any, ...]:
    """Return the key to sort by: Segment's day and the name, over all sources. Other files follow, 2 before 10."""
    path = url if is_url(url) else os.path.abspath(url).replace(os.sep, "/")
    segment = _SEGMENT_S3.search(path)
    if segment is not None:
        return 0, int(segment[1]), _natural(segment[2]), path
    return 1, 0, _natural(path), path


def _natural(text: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"(\d{1,20})", text)
    ]


def _why(error: BaseException) -> str:
    """Return what went wrong without the error's own text, which may hold credentials."""
    name = type(error).__name__
    return getattr(error, "strerror", None) or _NO_LOGIN.get(name, name)
