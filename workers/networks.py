"""Networks as an installation names them: `10.0.0.0/8, fd00::/8`."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def networks_from(text: str) -> tuple[Network, ...]:
    """All that are named; `ValueError` says what is wrong."""
    return tuple(
        ip_network(part) for whole in text.split(",") if (part := whole.strip())
    )
