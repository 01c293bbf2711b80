"""`check` when the way to PostHog is blocked, by DNS, a port, TLS or a proxy: the failure names the step."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.check_command import Check, only_the_key
from tests.support.posthog_server import HANG, RESET, PostHogServer
from tests.support.proxy_server import Passed, ProxyServer


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    only_the_key(monkeypatch)


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    return Check(capsys)


def listening() -> socket.socket:
    """A port that accepts connections and never answers."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "posthog.invalid"])
def test_an_unknown_name(name: str, check: Check) -> None:
    code, failed = check.failure("--host", f"https://{name}")
    assert code == 1
    assert re.match(rf"FAILED  dns      {name}: (DNS knows no such name|no answer from DNS in 5 s)\. Check", failed)


def test_a_silent_name_server_costs_no_longer_than_the_timeout(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait())
    code, failed = check.failure("--host", "https://posthog.example", timeout="0.1")
    answered.set()
    assert code == 1
    assert failed == (
        "FAILED  dns      posthog.example: no answer from DNS in 0.1 s. Check this machine's name servers"
    )


def test_a_port_where_nothing_listens(check: Check) -> None:
    with listening() as port:
        number = port.getsockname()[1]
    code, failed = check.failure("--host", f"http://127.0.0.1:{number}")
    assert code == 1
    why = "refused, nothing listens there. Check the port, and whether a firewall refuses it"
    assert failed == f"FAILED  connect  127.0.0.1 port {number}: {why}"


def test_a_firewall_that_drops_everything(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = threading.Event()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: dropped.wait())
    code, failed = check.failure("--host", "http://127.0.0.1:9", timeout="0.1")
    dropped.set()
    why = "no answer in 0.1 s. A firewall may drop it: let this machine out to that port"
    assert (code, failed) == (1, f"FAILED  connect  127.0.0.1 port 9: {why}")


def test_a_server_that_hangs_costs_no_longer_than_the_timeout(posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda _: HANG
    code, failed = check.failure("--host", posthog_server.url, timeout="0.3")
    posthog_server.release()
    assert code == 1
    assert failed.startswith(
        "FAILED  event    no answer in 0.3 s. What listens there may be no web server, or is overloaded"
    )


def test_a_server_that_sends_single_bytes_costs_no_longer_than_the_timeout(check: Check) -> None:
    over = threading.Event()

    def trickle(port: socket.socket) -> None:
        connections = [port.accept()[0], port.accept()[0]]  # the check of the port, and the event
        connections[1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.05):
            connections[1].sendall(b"x")
        for connection in connections:
            connection.close()

    with listening() as port:
        thread = threading.Thread(target=trickle, args=(port,))
        thread.start()
        code, failed = check.failure("--host", f"http://127.0.0.1:{port.getsockname()[1]}", timeout="0.5")
        over.set()
        thread.join()
    assert code == 1
    assert failed.startswith("FAILED  event    no answer in 0.5 s.")


def test_a_connection_that_breaks(posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda _: RESET
    code, failed = check.failure("--host", posthog_server.url)
    assert code == 1
    assert re.fullmatch(
        r"FAILED  event    the connection broke without an answer \(\w+\)\. Check host and port", failed
    )


# TLS


def encrypted(server: PostHogServer, name: str) -> trustme.CA:
    """Let a server speak TLS with a certificate for a name; return the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    assert server._http is not None
    server._http.socket = context.wrap_socket(server._http.socket, server_side=True)
    return authority


def https(server: PostHogServer) -> str:
    return f"https://127.0.0.1:{server.port}"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle.pem"


def test_a_trusted_certificate(
    posthog_server: PostHogServer, check: Check, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted(posthog_server, "127.0.0.1").cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    code, lines, _ = check("--host", https(posthog_server))
    assert (code, len(posthog_server.events)) == (0, 1)
    assert [line.split()[1] for line in lines] == ["key", "host", "event", "arrival", "clock"]


def test_a_certificate_of_an_unknown_authority(posthog_server: PostHogServer, check: Check) -> None:
    encrypted(posthog_server, "127.0.0.1")
    code, failed = check.failure("--host", https(posthog_server))
    assert (code, posthog_server.requests) == (1, [])
    assert failed.startswith("FAILED  tls      the certificate isn't trusted: ")
    assert failed.endswith(
        "If your proxy or firewall signs TLS itself, name its certificates' file in REQUESTS_CA_BUNDLE"
    )


def test_a_certificate_of_another_name(
    posthog_server: PostHogServer, check: Check, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted(posthog_server, "posthog.example").cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    code, failed = check.failure("--host", https(posthog_server))
    assert code == 1
    assert re.match(
        r"FAILED  tls      the certificate isn't trusted: IP address mismatch.* Check the host's name", failed
    )


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_certificates_that_is_missing_or_holds_none(
    content: bytes | None, posthog_server: PostHogServer, check: Check, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted(posthog_server, "127.0.0.1")
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    code, failed = check.failure("--host", https(posthog_server))
    assert code == 1
    assert failed.startswith(
        "FAILED  tls      the certificates' file that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names can't be read"
    )


def test_a_server_without_tls_behind_https(posthog_server: PostHogServer, check: Check) -> None:
    code, failed = check.failure("--host", https(posthog_server))
    assert code == 1
    why = r"what answers there doesn't speak TLS \(\w+\)\. Check the port; a server without TLS needs http://"
    assert re.fullmatch(rf"FAILED  tls      {why}", failed)


def test_a_server_that_hangs_in_the_handshake(check: Check) -> None:
    with listening() as port:
        code, failed = check.failure("--host", f"https://127.0.0.1:{port.getsockname()[1]}", timeout="0.3")
    assert code == 1
    assert failed.startswith("FAILED  event    no answer in 0.3 s. What listens there may be no https server")


# A proxy


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    with ProxyServer() as server:
        yield server


def test_the_environment_s_proxy_is_used_and_shown_without_its_password(
    posthog_server: PostHogServer, proxy: ProxyServer, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://me:S3cret@"))
    code, lines, _ = check("--host", posthog_server.url)
    assert (code, [passed.target for passed in proxy.passed]) == (0, [posthog_server.url + "/batch/"])
    assert lines[2] == f"note    proxy    {proxy.url}, from the environment"
    assert "S3cret" not in "".join(lines)


def test_no_proxy_in_the_environment_is_followed(
    posthog_server: PostHogServer, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    code, lines, _ = check("--host", posthog_server.url)
    assert (code, "proxy" in "".join(lines)) == (0, False)


def test_a_proxy_where_nothing_listens(
    posthog_server: PostHogServer, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as port:
        number = port.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{number}")
    code, failed = check.failure("--host", posthog_server.url)
    assert (code, posthog_server.requests) == (1, [])
    assert failed.startswith(f"FAILED  connect  127.0.0.1 port {number}: refused, nothing listens there.")


def test_a_proxy_that_refuses(proxy: ProxyServer, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy.url)
    code, failed = check.failure("--host", "https://posthog.invalid")
    assert (code, proxy.passed) == (1, [Passed("CONNECT", "posthog.invalid:443", None)])
    advice = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"
    assert failed == f"FAILED  event    the proxy doesn't let it through. {advice}"
