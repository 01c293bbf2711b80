"""The command `check`: says whether key, host, the way there and the clock are right, and what to do if not."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from .._delivery import LIB, PROXY_ADVICE, Probe, ProbeFailed, Target, why_not_taken
from .._message import Pass, complete
from .._settings import HOST_VARIABLE, MAX_WAIT, check_host, check_number, check_write_key
from ..convert import to_posthog
from ..errors import InvalidSetting
from . import settings

if TYPE_CHECKING:
    from requests import Response

_EPILOG: Final = """\
examples:
  analytics-posthog check
  analytics-posthog check --host https://eu.i.posthog.com --key-file /run/secrets/posthog
  analytics-posthog check --no-event --timeout 2    # sends nothing

Each line begins with ok, note or FAILED, and what was checked:
  key      is it a project API key?         host     is it an address, and not Segment's?
  event    does PostHog accept an event?    clock    is this machine's right?
  arrival  where to look for the event in PostHog
If the way there is blocked, the line names the step: dns, connect, tls or event.
The event is "analytics-posthog check", of the distinct id "analytics-posthog-check"; it makes no
person. PostHog answers 200 to a well-formed but unknown key too: look for the event in PostHog.

exit codes:
  0  all is well    1  a check failed    2  key or host can't work
"""
_EVENT: Final = "analytics-posthog check"
_DISTINCT_ID: Final = "analytics-posthog-check"
_USUAL: Final = 40  # characters; PostHog's keys have a few more, so a shorter one was hardly copied whole
_FAILED: Final = "FAILED"
_MOST_SKEW: Final = 60.0  # seconds that two clocks may differ; an answer's Date counts whole ones
_LOOK: Final = (
    "PostHog answers 200 to a well-formed but unknown key too, and drops the event. Look in PostHog under Activity for "
    "{!r}, uuid {}; if it isn't there in some minutes, check key and region (US or EU)"
)
_NO_TLS: Final = "none: http:// sends key and events for all to read. Use https:// outside of your own network"
_ADVICE: Final = {
    401: "Check that the key is the project's API key (phc_...)",
    403: "Check the key, and whether a firewall or proxy forbids it",
    404: "PostHog is not at this address. Check host; PostHog's are https://us.i.posthog.com and "
    "https://eu.i.posthog.com",
    407: f"The proxy wants a login. {PROXY_ADVICE}",
    429: "Too many requests. Try again later",
}
_TROUBLE: Final = (
    "PostHog, or a proxy before it, is in trouble. Try again later; PostHog's state is on https://status.posthog.com"
)
_OTHER: Final = "PostHog doesn't take the test event. Check that host is PostHog's address, without a path of the app's"


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
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=5.0, help="for each step (default: %(default)g)"
    )
    parser.add_argument("--no-event", action="store_true", help="send no event, and no key")
    parser.add_argument("--json", action="store_true", help="what was found, as JSON")
    parser.add_argument("--quiet", action="store_true", help="only what failed")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and return the exit code."""
    check_number("--timeout", options.timeout, more=True, most=MAX_WAIT)
    host_source = "as given" if options.host else f"from ${HOST_VARIABLE}"
    key, host = partial(settings.key, options), partial(settings.host, options)
    asked = _Asked(key, settings.source(options), host, host_source, options.timeout, options.no_event)
    return _check(asked, as_json=options.json, quiet=options.quiet)


def check_settings(key: Any, host: Any, source: str, no_event: bool) -> int:
    """Check an app's own key and host, which come from `source`, and return the exit code."""
    return _check(
        _Asked(partial(check_write_key, key), source, partial(check_host, host), f"from {source}", 5, no_event)
    )


class _Asked(NamedTuple):
    """What to check. `key()` and `host()` return it, or raise InvalidSetting."""

    key: Callable[[], str]
    key_source: str
    host: Callable[[], str | None]
    host_source: str
    timeout: float
    no_event: bool


class _Line(NamedTuple):
    """What was found: `status` is ok, note or FAILED, `check` what was checked."""

    status: str
    check: str
    text: str


def _check(asked: _Asked, *, as_json: bool = False, quiet: bool = False) -> int:
    lines: list[_Line] = []
    for line in _lines(asked):
        lines.append(line)
        if not as_json and (line.status == _FAILED or not quiet):
            sys.stdout.write(f"{line.status:<7} {line.check:<8} {line.text}\n")
            sys.stdout.flush()
    failed = [line.check for line in lines if line.status == _FAILED]
    if as_json:
        found = {"ok": not failed, "checks": [line._asdict() for line in lines]}
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        sys.stdout.flush()
    if not failed:
        return 0
    sys.stderr.write(f"analytics-posthog: check failed: {', '.join(failed)}\n")
    return 2 if {"key", "host"} & set(failed) else 1


def _lines(asked: _Asked) -> Iterator[_Line]:
    key = ""
    try:
        key = asked.key()
        yield _key_line(key, asked.key_source)
    except InvalidSetting as error:
        yield _Line(_FAILED, "key", str(error))
    try:
        yield from _host_lines(asked, key)
    except InvalidSetting as error:
        yield _Line(_FAILED, "host", str(error))
    except ProbeFailed as error:
        yield _Line(_FAILED, error.step, str(error))


def _key_line(key: str, where: str) -> _Line:
    if not key.startswith("phc_"):
        why = "doesn't begin with phc_, as all but very old projects' keys do. Is it Segment's write key?"
        return _Line("note", "key", f"{where} {why}")
    if len(key) < _USUAL or not key[4:].isalnum() or not key.isascii():
        why = "and PostHog's have 47 or so, letters and digits. Was it copied whole?"
        return _Line("note", "key", f"{where} has {len(key)} characters {why}")
    return _Line("ok", "key", f"{where} is well formed")


def _host_lines(asked: _Asked, key: str) -> Iterator[_Line]:
    """Check the host, the way there, and the clock by the answer."""
    host = asked.host()
    target = Target.of(key, host, timeout=asked.timeout)
    where = asked.host_source if host else "the default"
    yield _Line("ok", "host", f"{_without_login(target.host)}, {where}{_cloud(target.host)}")
    probe = Probe(target)
    if probe.proxy:
        yield _Line("note", "proxy", f"{_without_login(probe.proxy)}, from the environment")
    elif target.host.startswith("http:"):
        yield _Line("note", "tls", _NO_TLS)
    probe.connect()
    if asked.no_event or not key:
        answer, lines = _ask(probe, "--no-event" if asked.no_event else "there is no key")
    else:
        answer, lines = _send(probe)
    yield from lines
    yield _clock_line(answer)


def _cloud(host: str) -> str:
    """Say which of PostHog's clouds it is: a key is good for one of them only, and doesn't say for which."""
    region = {"us.i.posthog.com": "US", "eu.i.posthog.com": "EU"}.get(urlsplit(host).hostname or "")
    return f": PostHog's {region} cloud, so the project must be there" if region else ""


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _ask(probe: Probe, why: str) -> tuple[Response, list[_Line]]:
    """Check that a server answers."""
    answer = probe.ask()
    status = answer.status_code
    if status >= 500 or status == 407:
        raise ProbeFailed("event", f"answered {status}. {_ADVICE.get(status, _TROUBLE)}")
    said = f"the server answers (status {status}); whether it is PostHog, only an event tells"
    return answer, [_Line("note", "event", f"none sent ({why}); {said}")]


def _send(probe: Probe) -> tuple[Response, list[_Line]]:
    """Check that PostHog takes an event."""
    event = _test_event()
    answer = probe.send(event)
    why = _why_not_accepted(answer)
    if why is not None:
        raise ProbeFailed("event", why)
    lines = [_Line("ok", "event", f"accepted in {answer.elapsed.total_seconds():.1f} s: {_EVENT!r}")]
    if answer.history:
        lines.append(_Line("note", "host", "a redirect was followed; set host to where it leads, to save the way"))
    lines.append(_Line("note", "arrival", _LOOK.format(_EVENT, event["uuid"])))
    return answer, lines


def _test_event() -> dict[str, Any]:
    """Return the test event, made as every event is. It makes no person and holds nobody's data."""
    fields = dict.fromkeys(("userId", "timestamp", "messageId"))
    properties = {"$process_person_profile": False}
    message = {"type": "track", "anonymousId": _DISTINCT_ID, "event": _EVENT, "properties": properties}
    event = to_posthog(complete({**fields, **message, "integrations": {}, "context": {}}, Pass()))
    event["properties"].update(LIB)
    return event


def _why_not_accepted(answer: Response) -> str | None:
    status = answer.status_code
    if 300 <= status < 400:
        to = urlsplit(answer.headers.get("Location", ""))
        where = f"{to.scheme}://{to.netloc.rpartition('@')[2]}" if to.netloc else "elsewhere"
        return f"answered {status}, a redirect to {where}, which loses events. Set host to where PostHog is"
    if status != 200:
        return f"answered {status}. {_ADVICE.get(status, _TROUBLE if status >= 500 else _OTHER)}"
    return why_not_taken(answer)


def _clock_line(answer: Response) -> _Line:
    """Compare this machine's clock with the answer's Date, if it has one."""
    try:
        date = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return _Line("note", "clock", "not checked: the answer has no Date")
    there = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    ahead = time.time() - there
    if abs(ahead) > _MOST_SKEW:
        much = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
        why = f"this machine's clock is {much}, and PostHog moves every timestamp by that. Set the clock (NTP)"
        raise ProbeFailed("clock", why)
    return _Line("ok", "clock", f"within {_MOST_SKEW:.0f} s of the server's")
