"""The steps of the command `check`, one by one, so that each fault has a name of its own: DNS, connection, TLS, answer, clock.

A step returns what is to be said, or raises Fault with what is wrong and what to do. None takes longer than its timeout.
What it does not do: retry.
"""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

import requests
from posthog import Posthog
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from .._delivery import LIB, Session, post_batch, why_not_taken
from .._message import Pass, complete
from ..convert import to_posthog

EVENT: Final = "analytics-posthog check"
DISTINCT_ID: Final = "analytics-posthog-check"
MOST_SKEW: Final = 60.0  # seconds that two clocks may differ; an answer's Date counts whole ones
_PROXIES: Final = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"
_SIGNED_ANEW: Final = "If a proxy or firewall of yours signs anew, name its certificates' file in REQUESTS_CA_BUNDLE"

T = TypeVar("T")


class Fault(Exception):
    """A step has failed; the text says what is wrong and what to do."""


class Answer(NamedTuple):
    """What the last request was answered, and whether an event was taken. `took` is in seconds."""

    response: requests.Response
    sent_at: float
    took: float
    redirected: bool


def within(timeout: float, work: Callable[[], T]) -> T:
    """Return what `work()` does, or raise it. Raises TimeoutError when that takes too long; DNS has no timeout of its own."""
    results: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            results.put((work(), None))
        except BaseException as error:
            results.put((None, error))

    threading.Thread(target=run, name="analytics-check", daemon=True).start()
    try:
        result, error = results.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def client_for(key: str, host: str | None, timeout: float) -> Posthog:
    """Return the official client, which knows the address that events really go to. It starts no thread."""
    return Posthog(key, host=host, sync_mode=True, timeout=timeout, capture_mode="v0", enable_local_evaluation=False)


def bare(url: str) -> str:
    """Return an address without a user's name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def proxy_of(address: str) -> SplitResult | None:
    """Return the proxy that the environment names for an address, if any."""
    proxy = select_proxy(address, get_environ_proxies(address, no_proxy=None))
    return None if not proxy else urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def end_of(parts: SplitResult) -> tuple[str, int]:
    """Return the name and the port that an address means."""
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def resolve(name: str, port: int, timeout: float) -> str:
    """Look a name up."""
    try:
        found = within(timeout, lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise Fault(f"{name}: no answer from DNS in {timeout:g} s. Check this machine's name servers") from None
    except (OSError, UnicodeError):  # idna has no name so long
        raise Fault(f"{name}: DNS knows no such name. Check its spelling, and this machine's name servers") from None
    return f"{name} has {len({row[4][0] for row in found})} address(es)"


def connect(name: str, port: int, timeout: float) -> socket.socket:
    """Connect to a port."""
    where = f"{name} port {port}"
    try:
        return within(timeout, lambda: socket.create_connection((name, port), timeout))
    except TimeoutError:
        raise Fault(f"{where}: no answer in {timeout:g} s. A firewall may drop it: let this machine out to that port") from None
    except ConnectionRefusedError:
        raise Fault(f"{where}: refused, nothing listens there. Check the port, and whether a firewall refuses it") from None
    except OSError as error:
        raise Fault(f"{where}: {error.strerror or type(error).__name__}. Check this machine's network") from None


def encrypt(connection: socket.socket, address: str, name: str, timeout: float) -> str:
    """Shake hands as requests would, with the certificates that it takes."""
    try:
        context = _trusted(address)
        connection.settimeout(timeout)
        with within(timeout, lambda: context.wrap_socket(connection, server_hostname=name)) as encrypted:
            return f"{encrypted.version()}, the certificate is trusted"
    except ssl.SSLCertVerificationError as error:
        raise Fault(
            f"the certificate isn't trusted: {error.verify_message}. Check the host's name and this machine's clock. {_SIGNED_ANEW}"
        ) from None
    except TimeoutError:
        raise Fault(f"no TLS handshake in {timeout:g} s. What listens there may be no https server: check the port") from None
    except ssl.SSLError as error:
        raise Fault(
            f"what answers there doesn't speak TLS ({error.reason or 'no reason given'}). Check the port; a server without TLS needs http://"
        ) from None
    except OSError as error:
        raise Fault(f"the connection broke in the TLS handshake: {error.strerror or type(error).__name__}. Check host and port") from None
    finally:
        connection.close()


def _trusted(address: str) -> ssl.SSLContext:
    """Return a context with the certificates that requests would take."""
    with requests.Session() as session:
        named = session.merge_environment_settings(address, {}, None, None, None)["verify"]
    bundle = named if isinstance(named, str) else DEFAULT_CA_BUNDLE_PATH
    try:
        return ssl.create_default_context(capath=bundle) if os.path.isdir(bundle) else ssl.create_default_context(cafile=bundle)
    except OSError:
        raise Fault("the certificates' file that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names can't be read. Mend or unset it") from None


def make_event() -> dict[str, Any]:
    """Return the test event, made on the road that all events go. It makes no person, and says nothing of anybody."""
    fields = dict.fromkeys(("userId", "timestamp", "messageId"))
    properties = {"$process_person_profile": False}
    message = {"type": "track", "anonymousId": DISTINCT_ID, "event": EVENT, "properties": properties, "integrations": {}, "context": {}}
    event = to_posthog(complete({**fields, **message}, Pass()))
    event["properties"].update(LIB)
    return event


def post(client: Posthog, event: dict[str, Any], timeout: float) -> Answer:
    """Post an event through the official client, once."""
    heard: list[requests.Response] = []
    with Session(None) as session:
        session.hooks["response"].append(lambda response, **_: heard.append(response))
        return _asked(lambda: post_batch(client, [event], session), heard, timeout)


def ask(address: str, timeout: float) -> Answer:
    """Ask an address for anything, without an event and without a key."""
    heard: list[requests.Response] = []
    with requests.Session() as session:
        return _asked(lambda: heard.append(session.get(address + "/", timeout=timeout, allow_redirects=False)), heard, timeout)


def _asked(work: Callable[[], object], heard: list[requests.Response], timeout: float) -> Answer:
    sent_at, begin = time.time(), time.monotonic()
    try:
        within(timeout, work)
    except (TimeoutError, requests.Timeout):
        raise Fault(
            f"no answer in {timeout:g} s. What listens there may be no web server, or is overloaded: check host, or try a longer --timeout"
        ) from None
    except requests.exceptions.ProxyError:
        raise Fault(f"the proxy doesn't let it through. {_PROXIES}") from None
    except requests.exceptions.SSLError:  # behind a proxy; without one, the step before has seen it
        raise Fault(f"there is no trusted TLS through the proxy. {_SIGNED_ANEW}") from None
    except Exception as error:  # Answered, or what batch_post makes of an answer
        if not heard:
            raise Fault(f"the connection broke without an answer ({type(error).__name__}). Check host and port") from None
    return Answer(heard[-1], sent_at, time.monotonic() - begin, len(heard) > 1)


def answering(answer: Answer) -> str:
    """Whether somebody is there, at least; whether it is PostHog, only an event tells."""
    status = answer.response.status_code
    if status >= 500 or status == 407:
        raise Fault(f"answered {status}. {_advice(status)}")
    return f"the server answers (status {status}); whether it is PostHog, only an event tells"


def accepted(answer: Answer) -> str:
    """Whether PostHog has taken the event."""
    response = answer.response
    if response.is_redirect or 300 <= response.status_code < 400:
        to = urlsplit(response.headers.get("Location", ""))
        where = f"{to.scheme}://{to.netloc.rpartition('@')[2]}" if to.netloc else "elsewhere"
        raise Fault(f"answered {response.status_code}, a redirect to {where}, which loses events. Set host to where PostHog is")
    if response.status_code != 200:
        raise Fault(f"answered {response.status_code}. {_advice(response.status_code)}")
    why = why_not_taken(response)
    if why is not None:
        raise Fault(why)
    return f"accepted in {answer.took:.1f} s: {EVENT!r}"


def _advice(status: int) -> str:
    known = {
        401: "Check that the key is the project's API key (phc_...)",
        403: "Check the key, and whether a firewall or proxy forbids it",
        404: "PostHog is not at this address. Check host; PostHog's are https://us.i.posthog.com and https://eu.i.posthog.com",
        407: f"The proxy wants a login. {_PROXIES}",
        429: "Too many requests. Try again later",
    }
    if status >= 500:
        return "PostHog, or a proxy before it, is in trouble. Try again later; PostHog's state is on https://status.posthog.com"
    return known.get(status, "PostHog doesn't take the test event. Check that host is PostHog's address, without a path of the app's")


def skew(answer: Answer) -> str | None:
    """Compare the clocks, by the answer's Date; None if it has none."""
    try:
        date = parsedate_to_datetime(answer.response.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    there = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    ahead = answer.sent_at + answer.took / 2 - there
    if abs(ahead) > MOST_SKEW:
        much = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
        raise Fault(f"this machine's clock is {much}, and PostHog moves every timestamp by that. Set the clock (NTP)")
    return f"within {MOST_SKEW:.0f} s of the server's"
