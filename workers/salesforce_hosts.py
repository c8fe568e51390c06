"""Which hosts may be called: Salesforce's own over https, and those an owner names.

An auth URL and an org's answers say where to connect; without this check they could
point into the installation's own network, or carry a token out of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import SalesforceRefused

DOMAINS = (
    "salesforce.com",
    "force.com",
    "cloudforce.com",
    "salesforce.mil",
    "crmforce.mil",
    "sfcrmapps.cn",
    "sfcrmproducts.cn",
)
PORTS = {"https": 443, "http": 80}
LENGTH_MAX = 253
LABEL_LENGTH_MAX = 63
ADDRESS = re.compile(
    r"((?P<scheme>https?)://)?(?P<host>[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:(?P<port>\d{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect; `scheme` is empty when whoever named it did not say."""

    scheme: str
    host: str
    port: int | None

    @property
    def origin(self) -> str:
        scheme = self.scheme or "https"
        port = "" if self.port in {None, PORTS[scheme]} else f":{self.port}"
        return f"{scheme}://{self.host}{port}"


def address_of(text: str) -> Address | None:
    """`https://host:port`, `host:port` or `host`; None if `text` is neither."""
    found = ADDRESS.fullmatch(text)
    if found is None or len(found["host"]) > LENGTH_MAX:
        return None
    labels = found["host"].split(".")
    if not all(0 < len(label) <= LABEL_LENGTH_MAX for label in labels):
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65_536:  # noqa: PLR2004
        return None
    return Address((found["scheme"] or "").lower(), found["host"].lower(), port)


@dataclass(frozen=True, slots=True)
class Hosts:
    """What may be called beside Salesforce's own domains."""

    others: tuple[Address, ...] = ()

    def origin(self, text: str) -> str:
        """The origin that `text` means; `SalesforceRefused` if it may not be called."""
        address = address_of(text)
        if address is None:
            raise SalesforceRefused("what should be a host is not one")
        for other in self.others:
            if _is_same(address, other):
                return other.origin
        is_own = any(address.host.endswith(f".{domain}") for domain in DOMAINS)
        if is_own and address.scheme in {"", "https"} and address.port in {None, 443}:
            return Address("https", address.host, None).origin
        # Which one is not said: where a host should be, a secret may stand by mistake.
        raise SalesforceRefused(
            "its host is not one of Salesforce's over https;"
            " BERTH_SALESFORCE_HOSTS can allow others"
        )

    def check_url(self, url: str) -> str:
        """`url`, a page of an allowed host; `SalesforceRefused` if it is not."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise SalesforceRefused("what should be a URL is not one") from None
        self.origin(f"{parts.scheme}://{parts.netloc}")
        if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
            raise SalesforceRefused("what should be a URL is not one")
        return url


def hosts_from(text: str) -> Hosts:
    """`http://127.0.0.1:9090, sfdc.example.org`; `ValueError` says what is wrong."""
    addresses = []
    for part in filter(None, map(str.strip, text.split(","))):
        address = address_of(part)
        if address is None:
            raise ValueError(f"{part} is not a host")
        addresses.append(address)
    return Hosts(tuple(addresses))


def _is_same(asked: Address, known: Address) -> bool:
    """An entry without a scheme means https; who asks without one means the entry's."""
    scheme = known.scheme or "https"
    ports = {address.port or PORTS[scheme] for address in (asked, known)}
    return asked.host == known.host and asked.scheme in {"", scheme} and len(ports) == 1
