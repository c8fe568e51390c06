"""Where a request really comes from: its peer, unless that is a proxy we trust."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from litestar.types import Scope

from workers.networks import Network

Address = IPv4Address | IPv6Address
FORWARDED = b"x-forwarded-for"
HOPS_MAX = 32


class Peers:
    """`trusted` are the networks of the proxies whose X-Forwarded-For is believed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = trusted

    def address_of(self, scope: Scope) -> str | None:
        """The nearest address that is none of our proxies'.

        Every proxy adds, on the right, whom it was asked by; what stands further left
        than the first stranger is that stranger's word. So is what stands left of an
        entry that is no address.
        """
        client = scope["client"]
        if client is None or not self._trusted:
            return client[0] if client else None
        nearest = _address(client[0])
        if nearest is None or not self._is_trusted(nearest):
            return client[0]
        lines = [v for k, v in scope["headers"] if k == FORWARDED]
        hops = b",".join(lines).decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]
        for hop in reversed(hops):
            address = _address(hop.strip())
            if address is None:
                break
            nearest = address
            if not self._is_trusted(address):
                break
        return str(nearest)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> Address | None:
    """With or without a port, as some proxies write it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if "%" in text:  # What follows could be any text.
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
