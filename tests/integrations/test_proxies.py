"""An X-Forwarded-For is believed as far as trusted proxies wrote it; anything else is ignored and never raises."""

from __future__ import annotations

import pytest

from analytics_posthog.errors import InvalidSetting
from analytics_posthog.integrations.proxies import TrustedProxies

PEER = "198.51.100.9"
TRUSTING = ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


@pytest.mark.parametrize(
    "header", ["203.0.113.7", "203.0.113.7, 10.0.0.1", "10.0.0.1", "junk", "", ",", "a" * 100_000, "1.2.3.4," * 20_000]
)
def test_without_a_trusted_proxy_the_peer_s_own_address_counts(header: str) -> None:
    assert TrustedProxies().client(PEER, header) == PEER
    assert TrustedProxies(TRUSTING).client(PEER, header) == PEER


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),  # the first one is the client's own invention
        ("10.0.0.1", "6.6.6.6, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.1", "10.1.1.1, 10.9.9.9", "10.1.1.1"),  # a client inside
        ("10.0.0.1", "203.0.113.7:51234", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::7]:51234", "2001:db8::7"),
        ("10.0.0.1", '"[2001:db8::7]"', "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("192.0.2.1", " 203.0.113.7 ", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),  # what is before an unreadable part can't be believed
        ("10.0.0.1", "203.0.113.7, ", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2\r\nX: y", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("", "203.0.113.7", None),
        (None, "203.0.113.7", None),
        ("not an address", "203.0.113.7", None),
    ],
)
def test_behind_trusted_proxies_the_last_address_that_is_none_of_them_counts(
    peer: str | None, header: str | None, client: str | None
) -> None:
    assert TrustedProxies(TRUSTING).client(peer, header) == client


@pytest.mark.parametrize("peer", ["", None])
def test_a_proxy_on_a_unix_socket_is_trusted_by_its_word(peer: str | None) -> None:
    assert TrustedProxies(["unix"]).client(peer, "6.6.6.6, 203.0.113.7") == "203.0.113.7"
    assert TrustedProxies(["unix"]).client("198.51.100.9", "203.0.113.7") == "198.51.100.9"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("10.0.0.0/8", "trusted_proxies must be a list of addresses, got a str"),
        (5, "trusted_proxies must be a list of addresses, got a int"),
        (["proxy.internal"], "trusted_proxies: 'proxy.internal' is no address and no network, such as 10.0.0.0/8"),
        ([None], "trusted_proxies: 'None' is no address and no network, such as 10.0.0.0/8"),
    ],
)
def test_what_is_no_list_of_addresses_is_refused(given: list[str], error: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        TrustedProxies(given)
    assert str(caught.value) == error
