"""Addresses: whatever is not public is known in each of its spellings."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.networks import networks_from
from workers.outgoing.addresses import NOT_PUBLIC_IPV4, is_public, why_not

PRIVATE = st.one_of(*(st.ip_addresses(network=one) for one in NOT_PUBLIC_IPV4))
ANY = st.ip_addresses(v=4)
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450:4001::5"]
NOT_PUBLIC = [
    *("0.0.0.0", "10.0.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1"),
    *("198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1"),
    *("::7f00:1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1::5db8:d822"),
    *("100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1"),
    *("2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:5db8:d822::1"),
    *("2620:4f:8000::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fec0::1", "ff02::1", "2a00::5efe:7f00:1"),
    "2a00::200:5efe:7f00:1",
]


def inside(address: IPv4Address, text: str) -> IPv6Address:
    """`text` with the two groups of `address` for `4`."""
    groups = f"{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"
    return IPv6Address(text.replace("4", groups, 1))


def refused(text: str, *networks: str, is_plain: bool = False) -> str:
    allowed = networks_from(",".join(networks))
    return why_not(ip_address(text), allowed, is_plain=is_plain)


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_reached(text: str) -> None:
    assert refused(text) == ""


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_public_may_not(text: str) -> None:
    assert "is not public" in refused(text)


@given(PRIVATE)
def test_nor_may_it_in_any_spelling(address: IPv4Address) -> None:
    assert refused(str(address))
    assert refused(f"::ffff:{address}")
    assert refused(f"64:ff9b::{address}")
    assert refused(f"::{address}")
    assert refused(f"::ffff:0:{address}")
    assert refused(str(inside(address, "2002:4::1")))
    assert refused(str(inside(address, "2002:4::")))
    assert refused(str(inside(address, "2a00::5efe:4")))


@given(ANY)
def test_what_leads_to_an_ipv4_address_is_judged_as_that(address: IPv4Address) -> None:
    for text in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert (refused(text) == "") is is_public(address)


@given(ANY)
def test_what_tunnels_through_strangers_is_never_public(address: IPv4Address) -> None:
    hidden = IPv4Address(int(address) ^ 0xFFFFFFFF)  # As Teredo writes it.
    assert refused(str(inside(address, "2002:4::1")))
    assert refused(str(inside(hidden, "2001::8000:0:4")))
    assert refused(f"64:ff9b:1::{address}")


@given(st.ip_addresses(v=6, network="2000::/3") | st.ip_addresses(v=6))
def test_nothing_outside_of_what_is_assigned_is_public(address: IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert int(address) >> 125 == 1


def test_a_network_that_is_allowed_may_be_reached_also_without_tls() -> None:
    assert refused("10.1.2.3", "10.1.0.0/16") == ""
    assert refused("10.1.2.3", "10.1.0.0/16", is_plain=True) == ""
    assert refused("fd00::1", "10.1.0.0/16,fd00::/8") == ""
    assert refused("::ffff:10.1.2.3", "10.1.0.0/16") == ""


def test_others_may_not_for_that() -> None:
    assert "is not public" in refused("10.2.2.3", "10.1.0.0/16")
    assert "is not public" in refused("169.254.169.254", "10.0.0.0/8", "127.0.0.0/8")
    assert refused("1.1.1.1", "10.0.0.0/8") == ""


def test_public_addresses_are_reached_with_tls_alone() -> None:
    assert "without TLS" in refused("1.1.1.1", "10.0.0.0/8", is_plain=True)
    assert refused("1.1.1.1", "1.1.1.1/32", is_plain=True) == ""
