"""Which addresses may be connected to: public ones, and the networks that are allowed.

`ipaddress.is_global` is not asked: it takes addresses that lead to an IPv4 address
inside them, such as 64:ff9b::a9fe:a9fe, for public.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

from workers.networks import Network

Address = IPv4Address | IPv6Address

NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # This host (RFC 1122).
        "10.0.0.0/8",
        "100.64.0.0/10",  # Carriers' own; some clouds' metadata (RFC 6598).
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform answers every machine there.
        "169.254.0.0/16",  # Link-local: the metadata of most clouds.
        "172.16.0.0/12",
        "192.0.0.0/24",  # Protocol assignments; Oracle's metadata.
        "192.0.2.0/24",  # Documentation (RFC 5737), as two below.
        "192.31.196.0/24",  # AS112 answers there, with nothing (RFC 7535).
        "192.52.193.0/24",  # Relays of multicast (RFC 7450).
        "192.88.99.0/24",  # 6to4's relays (RFC 7526).
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112 (RFC 7534).
        "198.18.0.0/15",  # Benchmarks (RFC 2544).
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # Multicast.
        "240.0.0.0/4",  # Reserved, and broadcast.
    )
)
# All that is public is in here: not ::/96, fc00::/7, fe80::/10, fec0::/10, ff00::/8.
GLOBAL_UNICAST = IPv6Network("2000::/3")
NOT_PUBLIC_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarks, other assignments (RFC 2928).
        "2001:db8::/32",  # Documentation (RFC 3849), as the last (RFC 9637).
        "2002::/16",  # 6to4: an IPv4 address stands in it (RFC 3056).
        "2620:4f:8000::/48",  # AS112.
        "3fff::/20",
    )
)
# Whoever resolves for a network without IPv4 writes an IPv4 address so (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = 0x5EFE  # Before an IPv4 address; one bit tells whether that is unique.
ISATAP_MASK = 0xFDFFFFFF
LOOPBACK = IPv4Address("127.0.0.1")


def is_public(address: Address) -> bool:
    """Whether it is somebody's on the internet, and leads to nowhere else."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    is_tunnel = int(address) >> 32 & ISATAP_MASK == ISATAP
    return (
        address in GLOBAL_UNICAST
        and not is_tunnel
        and not any(address in network for network in NOT_PUBLIC_IPV6)
    )


def why_not(address: Address, networks: Sequence[Network], *, is_plain: bool) -> str:
    """Why it may not be connected to; empty if it may.

    `networks` may be, public or not; everything else public, but not without TLS.
    """
    meant = meant_by(address)
    if any(meant in network for network in networks):
        return ""
    if not is_public(meant):
        return f"the address {address} is not public"
    return "without TLS, only allowed networks can be reached" if is_plain else ""


def meant_by(address: Address) -> Address:
    """The IPv4 address that an IPv6 address is another spelling of; else itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def address_from(text: str) -> Address:
    """An address as resolvers write it; one with a zone means none of the internet."""
    return ip_address(text.partition("%")[0])
