"""The command `inspect`: a page on this machine that shows each event as the app sends it."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
from typing import Final
from urllib.parse import urlsplit

from .._settings import HOST_VARIABLE, check_host
from ..errors import InvalidSetting

PORT: Final = 8765
_NEEDED: Final = ("starlette", "uvicorn")
_LAST_PORT: Final = 65535
_EPILOG: Final = """\
examples:
  analytics-posthog inspect            # in the app: analytics.host = "http://127.0.0.1:8765"
  analytics-posthog inspect --plain    # a line for each event, without a browser
  analytics-posthog inspect --forward-to https://eu.i.posthog.com

The app's key may be anything; it is neither shown nor kept. Nothing is written to disk, and nothing
leaves this machine without --forward or --forward-to. The last 10,000 events are kept.
With --forward or --forward-to, feature flags come from PostHog; without, no flag is set.
"""


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "inspect",
        help="see each event as the app sends it, on a page of this machine",
        description="See each event as the app sends it, on a page of this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="the port to listen on (default: %(default)s; 0: any free port)"
    )
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="let --host be an address that other machines can reach"
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="let requests name this machine so, such as host.docker.internal (may be repeated)",
    )
    parser.add_argument("--plain", action="store_true", help="write a line for each event to standard output as well")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--forward", action="store_true", help=f"send the events to the PostHog at ${HOST_VARIABLE} too"
    )
    parser.add_argument("--forward-to", metavar="URL", help="send the events to this PostHog too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C. Raises InvalidSetting for a wrong option, or if the extra isn't installed."""
    if not 0 <= options.port <= _LAST_PORT:
        raise InvalidSetting(f"--port must be a number from 0 to {_LAST_PORT}")
    remote = _is_remote(options.host)
    if remote and not options.allow_remote:
        why = "--host is an address that other machines can reach, and they could read all events"
        raise InvalidSetting(f"{why}. Add --allow-remote if that is meant")
    forward_to = _forward_to(options)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidSetting(f"inspect needs {' and '.join(missing)}: pip install 'analytics-posthog[inspect]'")
    from .._inspector import Reach, serve

    reach = Reach(remote, tuple(options.allow_host))
    serve(
        options.host,
        options.port,
        reach,
        plain=options.plain,
        forward_to=forward_to,
        browser=options.open,
    )
    return 0


def _is_remote(host: str) -> bool:
    """Whether other machines can reach an address. Raises InvalidSetting if it isn't an address."""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise InvalidSetting("--host must be an IP address of this machine, such as 127.0.0.1, or localhost") from None


def _forward_to(options: argparse.Namespace) -> str | None:
    if not options.forward and not options.forward_to:
        return None
    found = check_host(options.forward_to or os.environ.get(HOST_VARIABLE))
    if found is None:
        raise InvalidSetting(f"--forward needs PostHog's address: set ${HOST_VARIABLE}, or use --forward-to URL")
    parts = urlsplit(found)
    if parts.port == options.port and (parts.hostname or "") in ("localhost", options.host, "127.0.0.1", "::1"):
        raise InvalidSetting(
            "--forward would send the events to the inspector itself. Use --forward-to URL with PostHog's"
        )
    return found
