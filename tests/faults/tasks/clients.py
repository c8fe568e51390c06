"""Clients who submit tasks of many kinds, watch some, and change their minds."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.history import Stopwatch
from tests.faults.tasks.history import Ask, Operation
from tests.faults.wire import Wire
from tests.support.trials import IN_TURN, TRIAL

PATIENCE_SECONDS = 3.0
RETRY_SECONDS = 0.2
PAUSE_SECONDS = 0.4  # between two submissions, on average
UNFINISHED_MAX = 4
WAIT_SECONDS = 5
LEASE_MS = 4_000
KEYS = ("port", "starboard")
METHOD = {Ask.RESULT: "GET", Ask.LOOK: "GET", Ask.CANCEL: "DELETE"}  # else POST
PATH = {
    Ask.RESULT: f"/result?wait={WAIT_SECONDS}",
    Ask.LOOK: "/status",
    Ask.STOP: "/stop-recurring",
}  # else nothing
GOES_ON = {"pending", "active", None}
ENDLESS = 99

Body = dict[str, Any]


class Answer(msgspec.Struct, rename="camel"):
    """Of all the answers, the fields that matter here."""

    operation_id: str | None = None
    status: str | None = None
    code: str | None = None
    result: Any = None
    stopped_at: datetime | None = None


decode = msgspec.json.Decoder(Answer).decode


@dataclass(frozen=True)
class World:
    """What all clients know, and the history they write together.

    `numbers` is drawn from, one for each task that is to be submitted. Handlers write
    down in `ledger` that they ran.
    """

    ports: Sequence[int]
    bearers: Mapping[str, str]
    watch: Stopwatch
    ledger: Path
    numbers: Iterator[int]
    operations: list[Operation] = field(default_factory=list)


class Asking:
    """One client's line to the servers; what comes of it is put on record."""

    def __init__(self, name: str, world: World, chance: random.Random) -> None:
        self.name = name
        self._world = world
        self._chance = chance
        self._wire = Wire(world.bearers[name])
        self._port = chance.choice(world.ports)

    async def ask(
        self, ask: Ask, operation_id: str | None = None, body: Body | None = None
    ) -> Operation:
        """Ask a server, another one than before if that one does not answer."""
        now = self._world.watch.now
        path = f"/{operation_id}{PATH.get(ask, '')}" if operation_id else ""
        wait = WAIT_SECONDS if ask is Ask.RESULT else 0
        asked_at, status, answer = now(), None, Answer()
        try:
            status, content = await self._wire.ask(
                self._port,
                METHOD.get(ask, "POST"),
                f"/sfp/api/tasks{path}",
                msgspec.json.encode(body) if body else b"",
                wait + PATIENCE_SECONDS,
            )
            answer = decode(content)
        except msgspec.DecodeError:
            answer = Answer(code="UNREADABLE")
        except (OSError, EOFError):
            self._port = self._chance.choice(self._world.ports)
        operation = Operation(
            client=self.name,
            ask=ask,
            asked_at=asked_at,
            answered_at=now(),
            operation_id=operation_id or answer.operation_id,
            status=status,
            code=answer.code,
            told=answer.status,
            result=answer.result,
            stopped_at=answer.stopped_at,
        )
        self._world.operations.append(operation)
        if not operation.is_known:
            await asyncio.sleep(RETRY_SECONDS)
        return operation

    async def insist(
        self, ask: Ask, operation_id: str | None = None, body: Body | None = None
    ) -> Operation:
        """Ask until there is an answer."""
        while not (operation := await self.ask(ask, operation_id, body)).is_known:
            pass
        return operation

    async def close(self) -> None:
        await self._wire.close()


class Submitter:
    """`chance` alone decides what it submits; time, what comes of it."""

    def __init__(self, name: str, world: World, seed: str) -> None:
        self._world = world
        self._chance = random.Random(f"{seed} {name}")
        self._asking = Asking(name, world, self._chance)
        self._open: deque[str] = deque()

    async def run(self) -> None:
        """Submit while there are numbers, but never too many at once."""
        for _ in self._world.numbers:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE_SECONDS))
            await self._submit()
            if len(self._open) > UNFINISHED_MAX:
                await self._look()
        await self._asking.close()

    async def _submit(self) -> None:
        asked = await self._asking.ask(Ask.SUBMIT, body=self._task())
        if asked.operation_id is None:
            return  # If there is a task, nobody will ever look.
        if self._chance.random() < 0.1:
            await asyncio.sleep(self._chance.uniform(0, 0.5))
            await self._asking.insist(Ask.CANCEL, asked.operation_id)
        if self._chance.random() < 0.5:
            self._open.append(asked.operation_id)

    async def _look(self) -> None:
        """At the one that it has waited for the longest."""
        operation_id = self._open.popleft()
        if (await self._asking.ask(Ask.RESULT, operation_id)).told in GOES_ON:
            self._open.append(operation_id)

    def _task(self) -> Body:
        """Most are quick; the others are slow, in each other's way, early, or fail."""
        draw, chance = self._chance.random(), self._chance
        data: Body = {"ledger": str(self._world.ledger)}
        task: Body = {
            "type": TRIAL,
            "data": data,
            "lockDuration": LEASE_MS,
            "priority": chance.choice(("low", "normal", "high", "critical")),
            "retryConfig": {"attempts": 1, "maxStalledCount": 20},
        }
        if draw < 0.2:
            data["seconds"] = chance.uniform(0.2, 2)
        elif draw < 0.35:
            task["type"], data["key"] = IN_TURN, chance.choice(KEYS)
            data["seconds"] = chance.uniform(0.1, 0.4)
        elif draw < 0.5:
            data["fails"] = chance.choice((1, 2, ENDLESS))
            task["retryConfig"] = {
                "attempts": 3,
                "backoff": {"type": "exponential", "delay": 100, "jitter": 0.5},
                "maxStalledCount": 20,
            }
        elif draw < 0.55:
            ready_at = self._world.watch.now() + timedelta(seconds=chance.uniform(0, 3))
            task |= {"scheduleType": "scheduled", "scheduledFor": ready_at}
        return task


def each_second(ledger: Path, **recurrence: Any) -> Body:
    """A recurring task whose slots are all to be fired, however late."""
    return {
        "type": TRIAL,
        "data": {"ledger": str(ledger)},
        "lockDuration": LEASE_MS,
        "retryConfig": {"attempts": 1, "maxStalledCount": 20},
        "scheduleType": "recurring",
        "recurrenceConfig": recurrence | {"overlapPolicy": "allow", "catchUp": "all"},
    }
