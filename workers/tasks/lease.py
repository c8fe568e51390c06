"""What a worker holds once it has started an attempt, and the steps it takes by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Journal, Look, Step
from domain.event import Actor
from domain.task.commands import ExtendLease, OfAttempt, StartAttempt
from domain.task.concurrency import GiveSlotBack, TakeSlot, concurrency, slot_for
from domain.task.errors import KeyBusy, SlotNeeded
from domain.task.events import LOCAL, Order, Submitter
from domain.task.lifecycle import lifecycle, stream_of
from domain.task.submitter import actor_of
from domain.task.task import Task


class Lease(Struct, frozen=True):
    """All that an attempt is; `until` is as it was last seen, None once it is over."""

    operation_id: str
    attempt: int
    lease_id: str
    order: Order
    submitter: Submitter
    until: datetime | None

    def step(self, command: type[OfAttempt], by: Actor, **facts: Any) -> Step:
        wish = command(by=by, attempt=self.attempt, lease_id=self.lease_id, **facts)
        return Step(lifecycle, stream_of(self.operation_id), wish)

    def extended(self, by: Actor) -> Sequence[Step]:
        taken = slot_taken(self.operation_id, self.order, by)
        return [self.step(ExtendLease, by), *taken]

    def ended(
        self, command: type[OfAttempt], by: Actor, **facts: Any
    ) -> Sequence[Step]:
        step = self.step(command, by, **facts)
        if (slot := slot_for(self.order)) is None:
            return [step]
        back = GiveSlotBack(by=by, operation_id=self.operation_id)
        return [step, Step(concurrency, slot, back)]

    @property
    def actor(self) -> Actor:
        """Whose work it is: it may do what its submitter may, and no more."""
        return actor_of(self.submitter, self.operation_id)


def slot_taken(operation_id: str, order: Order, by: Actor) -> Sequence[Step]:
    """The step that goes with a start or a heartbeat, if the task has a key."""
    if (slot := slot_for(order)) is None:
        return []
    take = TakeSlot(
        by=by,
        operation_id=operation_id,
        at_most=order.concurrency_max,
        lock_duration_ms=order.lock_duration_ms,
    )
    return [Step(concurrency, slot, take)]


async def take_lease(
    journal: Journal,
    operation_id: str,
    lease_id: str,
    *,
    worker: str,
    by: Actor,
    queue: str = LOCAL,
    guard: Sequence[Step] = (),
    may_take: Callable[[str], bool] = lambda _: True,
) -> Lease:
    """Start an attempt, with a slot of the task's key if it has one; or a refusal.

    `guard` is decided first, in the same append. `may_take` is told the stream of the
    key's slots, and may know better than to ask for one: then it is `KeyBusy`, too.
    """
    stream = stream_of(operation_id)
    start = StartAttempt(by=by, worker=worker, lease_id=lease_id, queue=queue)
    try:
        outcome = await journal.execute(*guard, Step(lifecycle, stream, start))
    except SlotNeeded:
        look = Step(lifecycle, stream, Look(by=by))
        found: Task = (await journal.execute(look)).states[0]
        assert found.order is not None
        slot = slot_for(found.order)
        if slot is not None and not may_take(slot):
            raise KeyBusy("its concurrency key was found to be busy") from None
        outcome = await journal.execute(
            *guard,
            Step(lifecycle, stream, replace(start, has_slot=True)),
            *slot_taken(operation_id, found.order, by),
        )
    return lease_of(operation_id, outcome.states[len(guard)])


def lease_of(operation_id: str, task: Task) -> Lease:
    """That of the latest attempt."""
    assert task.order is not None
    assert task.submitter is not None
    return Lease(
        operation_id=operation_id,
        attempt=task.attempt,
        lease_id=task.lease_id,
        order=task.order,
        submitter=task.submitter,
        until=task.lease_until,
    )
