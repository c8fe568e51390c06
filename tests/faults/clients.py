"""Clients as they are: most behave, some vanish, hang up, come late or ask twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from tests.faults.history import Ask, Operation, Stopwatch
from tests.faults.wire import Wire

PATIENCE_SECONDS = 2.0
RETRY_SECONDS = 0.2
ATTEMPTS_MAX = 12
REPOSITORY = "fleet"
METHOD = {Ask.REQUEST: "POST", Ask.RELEASE: "DELETE"}  # else PUT
PATH = {Ask.ACQUIRE: "/acquire", Ask.RENEW: "/renew"}  # else nothing


class Answer(msgspec.Struct, rename="camel"):
    """Of all the answers, the fields that matter here."""

    ticket_id: str | None = None
    status: str | None = None
    code: str | None = None
    fence: int | None = None
    expires_at: datetime | None = None
    sfdx_auth_url: str | None = None


decode = msgspec.json.Decoder(Answer).decode


@dataclass(frozen=True)
class World:
    """What all clients know, and the history they write together."""

    ports: Sequence[int]
    hot: Sequence[str]
    cold: Sequence[str]
    bearers: Mapping[str, str]
    watch: Stopwatch
    operations: list[Operation] = field(default_factory=list)


class Client:
    """One requester. `chance` alone decides what it does; time, what comes of it."""

    def __init__(
        self, name: str, world: World, is_over: Callable[[], bool], seed: str
    ) -> None:
        self.name = name
        self._wire = Wire(world.bearers[name])
        self._world = world
        self._is_over = is_over
        self._chance = random.Random(f"{seed} {name}")
        self._environment_id = ""
        self._port = self._chance.choice(world.ports)

    async def run(self) -> None:
        try:
            while not self._is_over():
                await self._go_for_a_lock()
        finally:
            await self._wire.close()

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    async def _go_for_a_lock(self) -> None:
        world, is_hot = self._world, self._happens(0.3)
        self._environment_id = self._chance.choice(world.hot if is_hot else world.cold)
        lease = (
            30 if self._happens(0.02 if is_hot else 0.1) else self._chance.randint(1, 3)
        )
        asked = await self._ask(Ask.REQUEST, body={"leaseDurationSeconds": lease})
        if asked.ticket_id is None:
            return  # If there is a ticket, nobody will ever come for it.
        if await self._wait(asked.ticket_id):
            await self._hold(asked.ticket_id, lease)

    async def _wait(self, ticket_id: str) -> bool:
        """Ask until it is acquired, over, or not wanted any more."""
        for _ in range(ATTEMPTS_MAX):
            if self._is_over() or self._happens(0.03):
                return False  # Gone without a word.
            if self._happens(0.05):
                await self._release(ticket_id)
                return False
            if self._happens(0.1):
                moment = self._chance.uniform(0, 0.2)
                await self._ask(Ask.ACQUIRE, ticket_id, wait=5, patience=moment)
                continue
            wait = self._chance.choice((0, 1, 2, 5))
            answer = await self._ask(Ask.ACQUIRE, ticket_id, wait=wait)
            if answer.is_success:
                return True
            if answer.status == 404:
                return False
        return False

    async def _hold(self, ticket_id: str, lease: int) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / 0.02))
        if self._happens(0.05):
            await self._ask(Ask.ACQUIRE, ticket_id, wait=0)
        if self._happens(0.15):
            longer = {"leaseDurationSeconds": self._chance.randint(1, 4)}
            body = longer if self._happens(0.5) else None
            await self._ask(Ask.RENEW, ticket_id, body=body)
        if self._happens(0.04):
            return  # Gone, and the lock with it until its lease ends.
        if lease < 30 and self._happens(0.01):
            await asyncio.sleep(lease + 0.5)  # It comes back too late.
            await self._ask(Ask.RENEW, ticket_id)
        await self._release(ticket_id)
        if self._happens(0.1):
            await self._release(ticket_id)

    async def _release(self, ticket_id: str) -> None:
        """Ask until it is known to be over, within reason."""
        for _ in range(ATTEMPTS_MAX):
            if (await self._ask(Ask.RELEASE, ticket_id)).is_known:
                return

    async def _ask(
        self,
        ask: Ask,
        ticket_id: str | None = None,
        *,
        body: dict[str, int] | None = None,
        wait: int = 0,
        patience: float | None = None,
    ) -> Operation:
        """Ask a server, and put it on record, whatever comes of it."""
        now = self._world.watch.now
        path = f"/sfp/api/environments/{self._environment_id}/lock"
        path += f"/{ticket_id}{PATH.get(ask, '')}" if ticket_id else ""
        path += f"?repositoryName={REPOSITORY}"
        path += f"&timeoutSeconds={wait}" if ask is Ask.ACQUIRE else ""
        if self._happens(0.1):
            self._port = self._chance.choice(self._world.ports)
        asked_at, status, answer = now(), None, Answer()
        try:
            status, content = await self._wire.ask(
                self._port,
                METHOD.get(ask, "PUT"),
                path,
                msgspec.json.encode(body) if body else b"",
                wait + PATIENCE_SECONDS if patience is None else patience,
            )
            answer = decode(content)
        except msgspec.DecodeError:
            answer = Answer(code="UNREADABLE")
        except (OSError, EOFError):
            self._port = self._chance.choice(self._world.ports)
        operation = Operation(
            client=self.name,
            ask=ask,
            environment_id=self._environment_id,
            asked_at=asked_at,
            answered_at=now(),
            ticket_id=ticket_id or answer.ticket_id,
            status=status,
            code=answer.code,
            told=answer.status,
            fence=answer.fence,
            expires_at=answer.expires_at,
            discloses=answer.sfdx_auth_url is not None,
        )
        self._world.operations.append(operation)
        if not operation.is_known:
            await asyncio.sleep(RETRY_SECONDS)
        return operation
