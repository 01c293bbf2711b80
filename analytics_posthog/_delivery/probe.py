"""Tries the way to PostHog once, for the command `check`, and names the step that fails: dns, connect, tls or event.

No step takes longer than its timeout. What it does not do: retry, or judge an answer.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

from .http import Target, post_batch
from .retries import causes
from .session import Session

_CERTIFICATES: Final = "If your proxy or firewall signs TLS itself, name its certificates' file in REQUESTS_CA_BUNDLE"
_NO_BUNDLE: Final = (
    "the certificates' file that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names can't be read. Correct or unset it"
)
PROXY_ADVICE: Final = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"


class ProbeFailed(Exception):
    """A step has failed. `step` names it; the text says what is wrong and what to do."""

    def __init__(self, step: str, text: str) -> None:
        super().__init__(text)
        self.step = step


class Probe:
    """The way to one target. `proxy` is the address of the proxy that the environment names for it, if any."""

    def __init__(self, target: Target) -> None:
        self._target = target
        proxy = select_proxy(target.host, get_environ_proxies(target.host, no_proxy=None))
        self.proxy = proxy if not proxy or "://" in proxy else f"http://{proxy}"

    def connect(self) -> None:
        """Look up and connect to the server, or to the proxy before it. Raises ProbeFailed."""
        parts = urlsplit(self.proxy or self._target.host)
        name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        timeout, where = self._target.timeout, f"{name} port {port}"
        try:
            _within(timeout, lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except TimeoutError:
            why = f"no answer from DNS in {timeout:g} s. Check this machine's name servers"
            raise ProbeFailed("dns", f"{name}: {why}") from None
        except (OSError, UnicodeError):  # UnicodeError: the name is too long for DNS
            why = "DNS knows no such name. Check its spelling, and this machine's name servers"
            raise ProbeFailed("dns", f"{name}: {why}") from None
        try:
            _within(timeout, lambda: socket.create_connection((name, port), timeout).close())
        except TimeoutError:
            why = f"no answer in {timeout:g} s. A firewall may drop it: let this machine out to that port"
            raise ProbeFailed("connect", f"{where}: {why}") from None
        except ConnectionRefusedError:
            why = "refused, nothing listens there. Check the port, and whether a firewall refuses it"
            raise ProbeFailed("connect", f"{where}: {why}") from None
        except OSError as error:
            why = f"{error.strerror or type(error).__name__}. Check this machine's network"
            raise ProbeFailed("connect", f"{where}: {why}") from None

    def send(self, event: dict[str, Any]) -> requests.Response:
        """Post an event. Raises ProbeFailed without an answer."""
        return self._answer(lambda session: post_batch(self._target, [event], session))

    def ask(self) -> requests.Response:
        """Send a request without event and key. Raises ProbeFailed without an answer."""
        url = self._target.host.rstrip("/") + "/"
        return self._answer(lambda session: session.get(url, timeout=self._target.timeout, allow_redirects=False))

    def _answer(self, request: Callable[[requests.Session], object]) -> requests.Response:
        heard: list[requests.Response] = []
        with Session(None) as session:
            session.hooks["response"].append(lambda response, **_: heard.append(response))
            try:
                _within(self._target.timeout, lambda: request(session))
            except Exception as error:
                if not heard or _has_no_answer(error):
                    raise _failed(error, self._target) from None
        return heard[-1]


def _failed(error: Exception, target: Target) -> ProbeFailed:
    """Return what is wrong. requests' own texts have the address in them, which may hold a password."""
    if isinstance(error, (TimeoutError, requests.Timeout)):
        kind = "https" if target.host.startswith("https:") else "web"
        why = f"no answer in {target.timeout:g} s. What listens there may be no {kind} server, or is overloaded"
        return ProbeFailed("event", f"{why}: check host and port, or try a longer --timeout")
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"the certificate isn't trusted: {cause.verify_message}"
            return ProbeFailed("tls", f"{why}. Check the host's name and this machine's clock. {_CERTIFICATES}")
        if isinstance(cause, ssl.SSLError) and cause.library not in ("X509", "PEM"):  # these two mean our own file
            why = f"what answers there doesn't speak TLS ({cause.reason or 'no reason given'})"
            return ProbeFailed("tls", f"{why}. Check the port; a server without TLS needs http://")
    is_plain = isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    if is_plain or isinstance(error, requests.exceptions.SSLError):
        return ProbeFailed("tls", _NO_BUNDLE)
    if isinstance(error, requests.exceptions.ProxyError):
        return ProbeFailed("event", f"the proxy doesn't let it through. {PROXY_ADVICE}")
    return ProbeFailed("event", f"the connection broke without an answer ({type(error).__name__}). Check host and port")


def _within(timeout: float, work: Callable[[], object]) -> None:
    """Do the work in a thread. Raises what it raises, and TimeoutError if it takes too long: DNS has no timeout."""
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, name="analytics-posthog-probe", daemon=True).start()
    try:
        done.result(timeout)
    except FutureTimeout:  # a class of its own in Python 3.10
        raise TimeoutError from None


def _has_no_answer(error: Exception) -> bool:
    """Whether an error is about the way, not about an answer. The head of an answer may be there already."""
    return isinstance(error, OSError) and getattr(error, "response", None) is None
