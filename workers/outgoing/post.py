"""One request to a receiver, bounded in time and size, and never answered by trouble.

The time is that of the whole exchange, from the look-up of the name to the last byte
that is read. Redirects are not followed, cookies are not kept, and no proxy and no
password is taken from the environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter

import aiohttp

from domain.clock import utc_now
from domain.errors import Invalid
from workers.networks import Network
from workers.outgoing.answer import Answer, Unreachable, retry_after_seconds
from workers.outgoing.connections import CONNECTIONS_SECONDS_MAX, Lines
from workers.outgoing.destination import destination_of
from workers.outgoing.names import Names

READ_BYTES_MAX = 64 * 1024
HEAD_BYTES_MAX = 2 * 1024
# The first that fits; each is a kind of the ones below it.
REASONS: dict[type[Exception], str] = {
    aiohttp.ConnectionTimeoutError: "it cannot be connected to in time",
    aiohttp.ClientConnectorCertificateError: "its certificate is not for this name"
    " or not to be trusted",
    aiohttp.ClientSSLError: "TLS with it failed",
    aiohttp.ClientConnectorError: "it cannot be connected to",
    aiohttp.ClientPayloadError: "it broke off its answer",
    aiohttp.ClientResponseError: "it does not speak HTTP, or its headers are too large",
    aiohttp.ServerDisconnectedError: "it closed the connection without an answer",
    ValueError: "the request cannot be written",
    Exception: "the connection to it broke",
}


class Outgoing:
    """Made once for a process; connections are kept and shared.

    `networks` are those that may be reached though they are not public, and without
    TLS.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        names: Names | None = None,
        connections_seconds: float = CONNECTIONS_SECONDS_MAX,
    ) -> None:
        self._networks = tuple(networks)
        self._names = names or Names()
        self._lines = Lines(self._names, self._networks, connections_seconds)

    async def close(self) -> None:
        await self._lines.close()
        await self._names.close()

    async def post(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Answer:
        """What the receiver answers, whatever it is; `Unreachable` if nothing."""
        began = perf_counter()
        try:
            destination = destination_of(url, self._networks)
            async with (
                asyncio.timeout(timeout_seconds),
                self._lines.session(destination.scheme) as session,
                session.request(
                    method,
                    destination,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                ) as response,
            ):
                head = await _head_of(response)
        except Invalid as error:
            raise Unreachable(str(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(_reason(error, timeout_seconds)) from None
        wanted = response.headers.get("retry-after", "")
        return Answer(
            response.status,
            (perf_counter() - began) * 1_000,
            head,
            retry_after_seconds(wanted, utc_now()) if wanted else None,
        )


async def _head_of(response: aiohttp.ClientResponse) -> bytes:
    """What its body begins with. Too much more of it ends the connection."""
    head, size = b"", 0
    async for part in response.content.iter_any():
        head += part[: HEAD_BYTES_MAX - len(head)]
        size += len(part)
        if size >= READ_BYTES_MAX:
            response.close()
            break
    return head


def _reason(error: Exception, timeout_seconds: float) -> str:
    if type(error) is TimeoutError:
        return f"it did not answer in full within {timeout_seconds:g} s"
    return next(why for kind, why in REASONS.items() if isinstance(error, kind))
