"""Reads `ANALYTICS_POSTHOG` from Django's settings: the module's settings by their names, and two of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from django.conf import settings

from ..._settings import Settings
from ...errors import InvalidSetting
from ..proxies import TrustedProxies

NAME: Final = "ANALYTICS_POSTHOG"
_OF_THE_MODULE: Final = frozenset(setting.name for setting in fields(Settings))
_OWN: Final = ("trusted_proxies", "identify_users")


class Configuration(NamedTuple):
    """What is set: the module's settings, the middleware's two, and what is wrong with the rest, in words."""

    module: dict[str, Any]
    trusted_proxies: TrustedProxies
    identify_users: bool
    wrong: list[str]


def read() -> Configuration:
    """Read it. What is wrong is left out, so that a later call never fails for it."""
    given = getattr(settings, NAME, None)
    wrong: list[str] = []
    if not isinstance(given, Mapping):
        if given is not None:
            wrong.append(f"{NAME} must be a dict, got a {type(given).__name__}")
        given = {}
    module: dict[str, Any] = {}
    proxies = TrustedProxies()
    for name, value in given.items():
        try:
            if name in _OF_THE_MODULE:
                Settings(**{"write_key": "phc_for_this_check", name: value})
                module[name] = value
            elif name == "trusted_proxies":
                proxies = TrustedProxies(value)
            elif name == "identify_users":
                if not isinstance(value, bool):
                    raise InvalidSetting(f"identify_users must be True or False, got a {type(value).__name__}")
            else:
                wrong.append(_unknown(name))
        except InvalidSetting as error:
            wrong.append(str(error))
    return Configuration(module, proxies, given.get("identify_users") is True, wrong)


def _unknown(name: Any) -> str:
    nearest = get_close_matches(str(name), [*_OF_THE_MODULE, *_OWN], 1)
    meant = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"{str(name)[:50]!r} is no setting.{meant}"
