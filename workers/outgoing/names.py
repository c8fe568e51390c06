"""What a host's name stands for, asked of the system's DNS, without a thread for each.

However many names of a dead zone are looked up, nobody else waits for them.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import cached_property

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

from workers.networks import Network
from workers.outgoing.addresses import address_from, why_not
from workers.outgoing.answer import Unreachable

TRY_SECONDS = 2.0
TRIES = 2
# Of more, the first are as good as any.
ADDRESSES_MAX = 8
NO_SUCH_NAME = {aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA}


class Names:
    """`servers` are asked at `port`; without any, those of the system."""

    def __init__(self, servers: Sequence[str] = (), port: int | None = None) -> None:
        self._servers, self._port = servers, port

    @cached_property
    def _dns(self) -> aiodns.DNSResolver:
        return aiodns.DNSResolver(
            self._servers or None, timeout=TRY_SECONDS, tries=TRIES, udp_port=self._port
        )

    async def close(self) -> None:
        if "_dns" in self.__dict__:
            await self._dns.close()

    async def addresses_of(self, host: str) -> list[str]:
        """At least one, IPv6 or IPv4; `Unreachable` if there is none."""
        try:
            found = await self._dns.getaddrinfo(host, family=socket.AF_UNSPEC)
        except aiodns.error.DNSError as error:
            is_unknown = error.args[0] in NO_SUCH_NAME
            what = "has no address" if is_unknown else "cannot be looked up just now"
            raise Unreachable(f"the host's name {what}") from None
        addresses = [
            node.addr[0].decode() if isinstance(node.addr[0], bytes) else node.addr[0]
            for node in found.nodes
        ]
        if not addresses:
            raise Unreachable("the host's name has no address")
        return addresses


class CheckedNames(AbstractResolver):
    """Gives an HTTP client the addresses that were checked, so that it asks nobody."""

    def __init__(
        self, names: Names, networks: Sequence[Network], *, is_plain: bool
    ) -> None:
        self._names, self._networks, self._is_plain = names, networks, is_plain

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """All that `host` stands for, if each may be reached.

        A name that is public and not so at once is after something.
        """
        addresses = await self._names.addresses_of(host)
        for one in addresses:
            reason = why_not(address_from(one), self._networks, is_plain=self._is_plain)
            if reason:
                raise Unreachable(reason)
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for one in addresses[:ADDRESSES_MAX]
        ]

    async def close(self) -> None:
        """The names are closed by whoever made them."""
