"""A URL that somebody wants to be called: what it means, or why it may not be.

Whoever checks it and whoever connects read it with the same parser, so that there are
no two opinions on where it leads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from yarl import URL

from domain.errors import Invalid
from workers.networks import Network
from workers.outgoing.addresses import LOOPBACK, Address, why_not

FIELD = "config.url"
SCHEMES = ("https", "http")
LENGTH_MAX = 2_048
HOST_LENGTH_MAX = 253
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A host or an IPv6 address, and a port whose digits are those that everybody reads.
AUTHORITY = re.compile(r"(\[[^\[\]]*:[^\[\]]*\]|[^\[\]:]+)(:[0-9]{1,5})?")
# Who reads numbers as addresses reads all of these so: 127.1, 2130706433, 0x7f.1.
NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
# What is read in one way here and in another there.
AMBIGUOUS = re.compile(r"[\s\\\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]")


def check_url(url: str, networks: Sequence[Network] = ()) -> None:
    """`Invalid` if it can be seen by itself that `url` may not be called.

    What its name stands for is seen when it is called, and each time anew.
    """
    destination_of(url, tuple(networks))


@lru_cache(maxsize=2_048)
def destination_of(url: str, networks: tuple[Network, ...]) -> URL:
    """What to call; `Invalid` if that may not be."""
    parsed = _read(url)
    host, is_plain = parsed.raw_host or "", parsed.scheme == "http"
    if parsed.scheme not in SCHEMES or not host:
        raise _invalid("the URL must begin with https:// and name a host")
    if parsed.explicit_port == 0:
        raise _invalid("port 0 cannot be connected to")
    if is_plain and not networks:
        raise _invalid("the URL must begin with https://")
    address = _address_in(host)
    if address and (reason := why_not(address, networks, is_plain=is_plain)):
        raise _invalid(reason)
    return parsed


def _read(url: str) -> URL:
    """`url` as everybody would read it."""
    if len(url) > LENGTH_MAX:
        raise _invalid(f"the URL is longer than {LENGTH_MAX} characters")
    if AMBIGUOUS.search(url):
        raise _invalid("the URL has spaces, backslashes or control characters")
    if "#" in url:
        raise _invalid("the URL must not have a fragment: it is never sent")
    authority = re.split(r"[/?]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        raise _invalid("the URL must not name a user; put credentials in a header")
    try:
        parsed = URL(url)
    except ValueError:  # Its message would repeat the URL.
        raise _invalid("the URL is not one") from None
    if parsed.scheme in SCHEMES and not AUTHORITY.fullmatch(authority):
        raise _invalid("the URL's host or port is not one")
    return parsed


def _address_in(host: str) -> Address | None:
    """The address that a host is or surely stands for; None if it is a name."""
    if ":" in host:
        try:
            if "%" not in host:
                return IPv6Address(host)
        except AddressValueError:
            pass
        raise _invalid("the URL's host is not an address; zones are not allowed")
    labels = host.split(".")
    if len(host) > HOST_LENGTH_MAX or not all(map(LABEL.fullmatch, labels)):
        raise _invalid("the URL's host is not a name; no dot may stand at its end")
    if NUMBER.fullmatch(labels[-1]):
        try:
            return IPv4Address(host)
        except AddressValueError:
            raise _invalid(
                "the URL's host is a number; write an address as four of them"
            ) from None
    return LOOPBACK if labels[-1] == "localhost" else None


def _invalid(message: str) -> Invalid:
    return Invalid(message, field=FIELD)
