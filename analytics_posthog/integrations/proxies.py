"""Whose request it is, behind proxies. Anyone can send an X-Forwarded-For, so only trusted proxies are believed."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from ..errors import InvalidSetting

_UNIX: Final = "unix"  # a proxy that connects by a Unix socket, and so has no address


class TrustedProxies:
    """The proxies in front of an app: addresses and networks, and "unix" for one on a Unix socket."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        """Raises InvalidSetting for what is no address and no network."""
        if isinstance(proxies, str) or not isinstance(proxies, Iterable):
            raise InvalidSetting(f"trusted_proxies must be a list of addresses, got a {type(proxies).__name__}")
        given = list(proxies)
        self._unix = _UNIX in given
        self._networks = [_network(proxy) for proxy in given if proxy != _UNIX]

    def client(self, peer: str | None, forwarded: str | None) -> str | None:
        """Return the address of who sent the request; None if it isn't known.

        `peer` is who has connected, `forwarded` the X-Forwarded-For header. That is read from its end, where the
        nearest proxy has put what it saw, for as long as a trusted proxy has put it there.
        """
        found = _address(peer or "")
        trusted = self._trusts(found) if found is not None else self._unix and not peer
        for hop in reversed((forwarded or "").split(",")):
            if not trusted:
                break
            address = _address(hop)
            if address is None:  # nothing before it can be believed
                break
            found, trusted = address, self._trusts(address)
        return None if found is None else str(found)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _network(proxy: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(proxy), strict=False)
    except ValueError:
        raise InvalidSetting(
            f"trusted_proxies: {str(proxy)[:50]!r} is no address and no network, such as 10.0.0.0/8"
        ) from None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in one part of the header, which may have a port; None if there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # a zone means something on that machine only
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
