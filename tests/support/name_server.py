"""A name server of our own: it answers, over UDP, whatever a test says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns.rdatatype import RdataType

from workers.outgoing import Names

HOST = "127.0.0.1"
KINDS = {4: RdataType.A, 6: RdataType.AAAA}


class NameServer(asyncio.DatagramProtocol):
    """`asked` counts the questions for each name, IPv4 and IPv6 as one."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self.port = 0
        self._said: dict[str, list[Sequence[str]]] = {}
        self._silent: set[str] = set()
        self._question = asyncio.Event()

    def says(self, name: str, *answers: Sequence[str]) -> None:
        """One answer after the other; the last one is given for ever."""
        self._said[name] = list(answers)

    def is_silent_on(self, name: str) -> None:
        self._silent.add(name)

    async def was_asked(self, names: Collection[str]) -> None:
        """Once it was asked for all of these."""
        while not self.asked.keys() >= set(names):
            self._question.clear()
            await self._question.wait()

    def names(self) -> Names:
        return Names([HOST], self.port)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
        # Both kinds of one look-up are answered alike, whichever comes first.
        turn = self.asked[f"{name} {kind.name}"]
        self.asked[f"{name} {kind.name}"] += 1
        self.asked[name] = max(
            self.asked[f"{name} {one.name}"] for one in KINDS.values()
        )
        self._question.set()
        if name in self._silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if name in self._said:
            answers = self._said[name]
            addresses = answers[min(turn, len(answers) - 1)]
            wanted = [a for a in addresses if KINDS[ip_address(a).version] == kind]
            if wanted:
                response.answer.append(
                    dns.rrset.from_text(question.name, 0, "IN", kind, *wanted)
                )
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(max_size=4_096), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        NameServer, local_addr=(HOST, 0)
    )
    server.transport = transport
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
