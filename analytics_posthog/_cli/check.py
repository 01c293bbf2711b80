"""The command `check`: tells whether key, host and the way there are right, and what to do where they aren't."""

from __future__ import annotations

import argparse
import socket
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .._settings import MAX_WAIT, check_number
from ..errors import InvalidSetting
from . import check_steps as steps
from . import settings

if TYPE_CHECKING:
    from posthog import Posthog

_EPILOG: Final = """\
examples:
  analytics-posthog check
  analytics-posthog check --host https://eu.i.posthog.com --key-file /run/secrets/posthog
  analytics-posthog check --no-event --timeout 2    # sends nothing

One line for each check, which begins with ok, note or FAILED:
  key      is it a project API key?         host     is it an address, and not Segment's?
  proxy    does the environment name one?   dns      is the name known?
  connect  does the port answer?            tls      is the certificate trusted?
  event    is an event accepted?            clock    is this machine's right?
  arrival  where to look for it in PostHog
The event is "analytics-posthog check", of the distinct id "analytics-posthog-check"; it makes no
person. PostHog answers 200 to a well-formed but unknown key too: look for the event in PostHog.

exit codes:
  0  all is well    1  a check failed    2  key or host can't work
"""
_USUAL: Final = 40  # characters; PostHog's keys have a few more, so a shorter one was hardly copied whole
_LOOK: Final = (
    "PostHog answers 200 to a well-formed but unknown key too, and drops the event. Look in PostHog under Activity for "
    "{!r}, uuid {}; if it isn't there in some minutes, check key and region (US or EU)"
)


def add_to(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subcommands.add_parser(
        "check",
        help="tell whether key, host and the way there are right",
        description="Tell whether key, host and the way to PostHog are right, by sending one test event.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    settings.add_options(parser)
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=5.0, help="for each check (default: %(default)g)")
    parser.add_argument("--no-event", action="store_true", help="send no event, and no key")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and return the exit code."""
    check_number("--timeout", options.timeout, more=True, most=MAX_WAIT)
    lines = _Lines()
    key = _key(options, lines)
    try:
        host = settings.host(options)
    except InvalidSetting as error:
        lines.say("FAILED", "host", str(error))
    else:
        client = steps.client_for(key or "none", host, options.timeout)
        where = "as given" if options.host else f"from ${settings.HOST_VARIABLE}" if host else "the default"
        lines.say("ok", "host", f"{steps.bare(client.host)}, {where}")
        if _reach(client.host, options.timeout, lines):
            _send(client, lines, options.timeout, has_key=bool(key), no_event=options.no_event)
    if not lines.failed:
        return 0
    sys.stdout.flush()
    sys.stderr.write(f"analytics-posthog: check failed: {', '.join(lines.failed)}\n")
    return 2 if {"key", "host"} & set(lines.failed) else 1


class _Lines:
    """What was said, a line for each check."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def say(self, word: str, name: str, text: str) -> None:
        if word == "FAILED":
            self.failed.append(name)
        sys.stdout.write(f"{word:<7} {name:<8} {text}\n")
        sys.stdout.flush()


def _key(options: argparse.Namespace, lines: _Lines) -> str:
    try:
        key = settings.key(options)
    except InvalidSetting as error:
        lines.say("FAILED", "key", str(error))
        return ""
    where = settings.source(options)
    if not key.startswith("phc_"):
        lines.say("note", "key", f"{where} doesn't begin with phc_, as all but very old projects' keys do. Is it Segment's write key?")
    elif len(key) < _USUAL or not key[4:].isalnum() or not key.isascii():
        lines.say("note", "key", f"{where} has {len(key)} characters and PostHog's have 47 or so, letters and digits. Was it copied whole?")
    else:
        lines.say("ok", "key", f"{where} is well formed")
    return key


def _reach(address: str, timeout: float, lines: _Lines) -> bool:
    """Check the way to the server, or to the proxy before it; return whether it is open."""
    parts = urlsplit(address)
    proxy = steps.proxy_of(address)
    if proxy is None:
        lines.say("ok", "proxy", "none in the environment for this host")
    else:
        lines.say("note", "proxy", f"{steps.bare(proxy.geturl())}, from the environment; the next checks are of the way to it")
    name, port = steps.end_of(proxy or parts)
    step = "dns"
    try:
        lines.say("ok", step, steps.resolve(name, port, timeout))
        step = "connect"
        connection = steps.connect(name, port, timeout)
        lines.say("ok", step, f"{name} port {port} answers")
        step = "tls"
        _encrypt(connection, proxy is not None, address, timeout, lines)
    except steps.Fault as fault:
        lines.say("FAILED", step, str(fault))
        return False
    return True


def _encrypt(connection: socket.socket, is_proxy: bool, address: str, timeout: float, lines: _Lines) -> None:
    parts = urlsplit(address)
    if is_proxy or parts.scheme != "https":
        connection.close()
        if not is_proxy:
            lines.say("note", "tls", "none: http:// sends key and events for all to read. Use https:// outside of your own network")
        return
    lines.say("ok", "tls", steps.encrypt(connection, address, parts.hostname or "", timeout))


def _send(client: Posthog, lines: _Lines, timeout: float, *, has_key: bool, no_event: bool) -> None:
    """Send the test event, or only ask whether somebody is there, and compare the clocks by the answer."""
    try:
        if no_event or not has_key:
            answer = steps.ask(client.host.rstrip("/"), timeout)
            why = "--no-event" if no_event else "there is no key"
            lines.say("note", "event", f"none sent ({why}); {steps.answering(answer)}")
        else:
            event = steps.make_event()
            answer = steps.post(client, event, timeout)
            _say_accepted(answer, event["uuid"], lines)
    except steps.Fault as fault:
        lines.say("FAILED", "event", str(fault))
        return
    try:
        found = steps.skew(answer)
    except steps.Fault as fault:
        lines.say("FAILED", "clock", str(fault))
    else:
        lines.say("ok" if found else "note", "clock", found or "not checked: the answer has no Date")


def _say_accepted(answer: steps.Answer, uuid: str, lines: _Lines) -> None:
    try:
        lines.say("ok", "event", steps.accepted(answer))
    except steps.Fault as fault:
        lines.say("FAILED", "event", str(fault))
        return
    if answer.redirected:
        lines.say("note", "host", "a redirect was followed; set host to where it leads, to save the way")
    lines.say("note", "arrival", _LOOK.format(steps.EVENT, uuid))
