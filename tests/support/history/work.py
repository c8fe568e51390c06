"""What tasks and the workers that carry them out leave behind."""

from __future__ import annotations

from typing import Any

from domain.decider import Step
from domain.event import Actor, system
from domain.roles import Role
from domain.task.commands import (
    AbandonAttempt,
    AttemptCommand,
    CancelTask,
    CompleteAttempt,
    ConfirmCancellation,
    ExtendLease,
    FailAttempt,
    ReportProgress,
    StartAttempt,
    SubmitTask,
)
from domain.task.concurrency import GiveSlotBack, TakeSlot, concurrency, slot_for
from domain.task.events import (
    Backoff,
    BackoffType,
    FailureReason,
    Order,
    Priority,
    Retry,
)
from domain.task.firing import of_task
from domain.task.lifecycle import lifecycle, stream_of
from domain.task.task import Task
from tests.support.history.cast import asking
from tests.support.history.simulation import Process, Simulation

WORKER = system("worker")
ELSEWHERE = Actor("renderer", Role.APPLICATION, application="renderer")
LEASE_MS = 300_000
LOOKS_MAX = 200
OUTCOMES = (
    "completes",
    "fails",
    "fails for good",
    "falls silent",
    "is short of room",
    "is cancelled",
)
WEIGHTS = (76, 8, 4, 4, 3, 5)


def order_of(
    simulation: Simulation,
    repository: str,
    *,
    key: str | None = None,
    is_elsewhere: bool = False,
) -> Order:
    """For Berth's own workers, unless `is_elsewhere`."""
    task_type = "renderReport" if is_elsewhere else "checkReviewEnvironment"
    return Order(
        task_type=task_type,
        data={"pool": "review", "depth": simulation.chance.randrange(5)},
        priority=simulation.chance.choice(list(Priority)),
        queue=task_type if is_elsewhere else "local",
        lock_duration_ms=LEASE_MS,
        retry=Retry(3, Backoff(BackoffType.EXPONENTIAL, 2_000, 0.2, 60_000), 2),
        repository=repository,
        concurrency_key=key,
        description="Look after the pool",
    )


def task(simulation: Simulation, by: Actor, order: Order) -> Process:
    """Submitted, and carried out."""
    operation_id = simulation.new_id()
    submit = SubmitTask(by=asking(simulation, by), order=order)
    simulation.attempt(of_task(operation_id, submit))
    yield from carrying_out(simulation, operation_id, by)


def carrying_out(simulation: Simulation, operation_id: str, by: Actor) -> Process:
    """Attempt by attempt, until it is over."""
    for _ in range(LOOKS_MAX):
        found: Task = simulation.state_of(lifecycle, stream_of(operation_id))
        if found.order is None or found.state.is_over:
            return
        if found.ready_at is None or found.ready_at > simulation.at:
            yield 1 + wait_of(simulation, found)
            continue
        yield simulation.seconds(0.005, 0.5)
        lease_id = simulation.new_id()
        if begun(simulation, operation_id, found.order, lease_id):
            number = found.attempt + 1
            yield from attempt(
                simulation, operation_id, found.order, number, lease_id, by
            )
        else:
            yield simulation.seconds(2, 10)


def wait_of(simulation: Simulation, found: Task) -> float:
    """Seconds until it may be started, or until its worker has been given up."""
    until = found.ready_at or found.lease_until
    return 0 if until is None else max(0, (until - simulation.at).total_seconds())


def worker_of(order: Order) -> Actor:
    return WORKER if order.queue == "local" else ELSEWHERE


def begun(
    simulation: Simulation, operation_id: str, order: Order, lease_id: str
) -> bool:
    """With a slot of its concurrency key, if it has one."""
    worker, slot = worker_of(order), slot_for(order)
    steps: list[Step] = []
    if slot is not None:
        take = TakeSlot(
            by=worker,
            operation_id=operation_id,
            at_most=order.concurrency_max,
            lock_duration_ms=order.lock_duration_ms,
        )
        steps.append(Step(concurrency, slot, take))
    begin = StartAttempt(
        by=worker,
        worker=f"worker-{simulation.chance.randrange(1, 4)}",
        lease_id=lease_id,
        queue=order.queue,
        has_slot=slot is not None,
    )
    return simulation.attempt(*steps, of_task(operation_id, begin)) is not None


def attempt(
    simulation: Simulation,
    operation_id: str,
    order: Order,
    number: int,
    lease_id: str,
    by: Actor,
) -> Process:
    """It works, says so from time to time, and comes to one of several ends."""
    worker, slot = worker_of(order), slot_for(order)
    of_it: dict[str, Any] = {"by": worker, "attempt": number, "lease_id": lease_id}
    for percent in range(25, 25 + 25 * simulation.chance.randrange(1, 3), 25):
        yield simulation.seconds(2, 30)
        report = ReportProgress(**of_it, percent=percent, message=f"{percent} %")
        simulation.attempt(of_task(operation_id, report))
        simulation.attempt(of_task(operation_id, ExtendLease(**of_it)))
    yield simulation.seconds(0.2, 10)
    end: AttemptCommand
    match simulation.chance.choices(OUTCOMES, WEIGHTS)[0]:
        case "completes":
            end = CompleteAttempt(**of_it, result={"checked": [number, None]})
        case "fails" | "fails for good" as how:
            end = FailAttempt(
                **of_it,
                reason=FailureReason.ERROR,
                message="the org did not answer",
                stack="Traceback (most recent call last): ...",
                may_retry=how == "fails",
            )
        case "is short of room":
            end = AbandonAttempt(**of_it, put_off_seconds=5)
        case "is cancelled":
            cancel = CancelTask(by=asking(simulation, by))
            simulation.attempt(of_task(operation_id, cancel))
            yield simulation.seconds(0.1, 2)
            end = ConfirmCancellation(**of_it)
        case _:
            return  # It falls silent: time alone will tell.
    steps = [of_task(operation_id, end)]
    if slot is not None:
        back = GiveSlotBack(by=worker, operation_id=operation_id)
        steps.append(Step(concurrency, slot, back))
    simulation.attempt(*steps)
