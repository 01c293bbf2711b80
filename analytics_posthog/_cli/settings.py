"""The options that commands share: host, key and conversion.

The key is never an argument, because other users of a machine can see arguments.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import Final

from .._settings import HOST_VARIABLE, KEY_VARIABLE, PERSON_PROFILES, check_conversion, check_host, check_write_key
from ..convert import SEGMENT_GROUP
from ..errors import InvalidSetting

_MOST: Final = 4096  # bytes of a key file; a key has about 50
_PUT: Final = f"Put it into the environment as {KEY_VARIABLE}, or into a file that --key-file names"
# How PostHog's keys begin, alone or after an option's "=", and the options of other tools that take a key.
_A_KEY: Final = re.compile(r"(?:^|=)\s*['\"]?ph(?:[cx]_\w|[ars]_[a-z0-9]{16})", re.ASCII | re.I)
_KEY_OPTION: Final = re.compile(
    r"--?(?:(?:project|posthog|segment)[-_]?)?(?:api|write|personal|secret)?[-_]?(?:api[-_]?)?(?:key|token)(?:=.*)?",
    re.I | re.S,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--host` and `--key-file` to a command that sends."""
    parser.add_argument(
        "--host", metavar="URL", help=f"PostHog's address (default: ${HOST_VARIABLE}, else https://us.i.posthog.com)"
    )
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help=f"a file that holds the project API key (default: the key in ${KEY_VARIABLE})",
    )


def add_conversion_options(parser: argparse.ArgumentParser) -> None:
    """Add a client's settings that change the conversion."""
    parser.add_argument(
        "--group-type",
        metavar="NAME",
        default=SEGMENT_GROUP,
        help="PostHog's name for Segment's groups (default: %(default)s)",
    )
    parser.add_argument(
        "--person-profiles",
        metavar="WHICH",
        default="always",
        help="always; or identified_only: anonymous calls make no person (default: %(default)s)",
    )


def check_conversion_options(options: argparse.Namespace) -> None:
    """Raise InvalidSetting if an option of `add_conversion_options` is wrong."""
    if options.person_profiles not in PERSON_PROFILES:
        raise InvalidSetting(f"--person-profiles must be one of {', '.join(PERSON_PROFILES)}")
    check_conversion(options.group_type, options.person_profiles)


def refuse_keys(arguments: Sequence[str]) -> None:
    """Raise InvalidSetting if an argument is a key or an option for one. The error's text doesn't repeat the key."""
    for argument in arguments:
        if argument == "--":
            return
        if _A_KEY.search(argument) or _KEY_OPTION.fullmatch(argument):
            why = "because others on this machine can see arguments"
            raise InvalidSetting(f"the key is never an argument, {why}. {_PUT}")


def key(options: argparse.Namespace) -> str:
    """Return the project API key, from `--key-file` or the environment. Raises InvalidSetting if there is none."""
    found = os.environ.get(KEY_VARIABLE, "") if options.key_file is None else _read(options.key_file)
    if not found.strip():
        where = f"${KEY_VARIABLE} is not set" if options.key_file is None else "the file named by --key-file is empty"
        take = "Take the project API key (phc_...) from Settings > Project > General in PostHog"
        raise InvalidSetting(f"no key: {where}. {take}. {_PUT}")
    if found.split() != [found.strip()] or not found.strip().isprintable():
        raise InvalidSetting(f"{source(options)} must hold the project API key (phc_...) and nothing else")
    return check_write_key(found)


def host(options: argparse.Namespace) -> str | None:
    """Return PostHog's address, from `--host` or the environment; None: PostHog's US cloud. Raises InvalidSetting."""
    return check_host(os.environ.get(HOST_VARIABLE) if options.host is None else options.host)


def source(options: argparse.Namespace) -> str:
    """Return where the key comes from, for messages."""
    return f"${KEY_VARIABLE}" if options.key_file is None else "the file named by --key-file"


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST).decode("utf-8-sig", "replace")
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        why = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidSetting(f"the file named by --key-file can't be read: {why}") from error
