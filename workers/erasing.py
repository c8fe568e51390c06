"""Erases a person: refuses while they hold anything, else destroys what names them.

Every step can be taken again, so whatever is cut off is finished by the next try. What
is erased, and what is not, tells docs/erasure.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from msgspec import Struct

from domain.decider import Journal, Step, StillWaiting
from domain.environment.environment import environment
from domain.environment.lock import ReleaseLock
from domain.errors import EnvironmentNotFound, Invalid, TicketNotFound
from domain.event import Actor
from domain.person import SUBJECT_LENGTH_MAX, is_reserved
from domain.subject import EraseSubject, SubjectInUse, stream_of, subject
from domain.task.commands import AwaitEnd, CancelTask
from domain.task.errors import TaskNotFound, TaskOver
from domain.task.firing import of_schedule
from domain.task.lifecycle import lifecycle
from domain.task.lifecycle import stream_of as stream_of_task
from domain.task.schedule_commands import StopSchedule
from projections.environment_listing import environment_listing
from projections.environment_listing import sql as listing_sql
from projections.schedule_board import schedule_board
from projections.schedule_board import sql as schedule_sql
from projections.storage.erasure import Erasure, Told
from projections.storage.reader import Reader
from projections.storage.subjects import Subjects
from projections.storage.threads import in_thread
from projections.task_board import sql as task_sql
from projections.task_board import task_board
from projections.views import VIEWS

END_SECONDS_MAX = 60


class Holdings(Struct, frozen=True):
    """What a person has going on: tickets, each with its environment, and tasks."""

    tickets: Sequence[tuple[str, str]]
    tasks: Sequence[str]
    schedules: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.tickets or self.tasks or self.schedules)

    def __str__(self) -> str:
        counts = (
            (self.tickets, "place in a lock's queue", "places in locks' queues"),
            (self.tasks, "task that is not over", "tasks that are not over"),
            (self.schedules, "recurring task", "recurring tasks"),
        )
        return ", ".join(
            f"{len(which)} {one if len(which) == 1 else many}"
            for which, one, many in counts
            if which
        )


class Outcome(Struct, frozen=True):
    """`keys` is how many were destroyed, `rows` how many of the views named them.

    Both are 0 if nothing was known of the person, or nothing any more.
    """

    erased_as: str
    keys: int
    rows: int


@dataclass(frozen=True)
class Erasing:
    journal: Journal
    reader: Reader
    subjects: Subjects
    erasure: Erasure

    async def told(self, name: str) -> Told:
        """How many events speak of the person."""
        known = await in_thread(self.subjects.known, name)
        return await in_thread(self.erasure.told, name, known)

    async def holdings(self, name: str) -> Holdings:
        """What the person has going on just now."""
        values = {"name": name}
        tickets = await self.reader.read(
            environment_listing, listing_sql["tickets_of_person"], values
        )
        tasks = await self.reader.read(task_board, task_sql["tasks_of_person"], values)
        schedules = await self.reader.read(
            schedule_board, schedule_sql["schedules_of_person"], values
        )
        return Holdings(
            [(row["environment_id"], row["id"]) for row in tickets.rows],
            [row["operation_id"] for row in tasks.rows],
            [row["id"] for row in schedules.rows],
        )

    async def erase(self, name: str, by: Actor, *, force: bool = False) -> Outcome:
        """Destroy the person's key, and have everything forget them.

        `Invalid` if it is no person's name. `SubjectInUse` if they have something going
        on; `force` ends that first, in the name of `by`.
        """
        check_is_a_person(name)
        if by.application is None and by.id == name:
            raise SubjectInUse("nobody can erase themselves: have another owner do it")
        if force:
            await self._end_all(name, by)
        held = await self.holdings(name)
        if held:
            raise SubjectInUse(f"this person has {held}: end that first, or use force")
        return await self._erase(name, by)

    async def _erase(self, name: str, by: Actor) -> Outcome:
        known = await in_thread(self.subjects.known, name)
        key_ids = await in_thread(self.erasure.destroy, known)
        rows = 0
        if key_ids:
            await in_thread(self.subjects.look)
            stream = stream_of(known.erased_as)
            for key_id in key_ids:
                command = EraseSubject(by=by, erased_as=known.erased_as, key_id=key_id)
                await self.journal.execute(Step(subject, stream, command))
            await in_thread(self.erasure.forget_snapshots, name)
            await in_thread(self.subjects.look)
            views = [*VIEWS.values()]
            rows = await in_thread(self.erasure.show_erased, views, name, known)
            await in_thread(self.erasure.finish, key_ids)
        return Outcome(known.erased_as, len(key_ids), rows)

    async def _end_all(self, name: str, by: Actor) -> None:
        held = await self.holdings(name)
        for schedule_id in held.schedules:
            with suppress(TaskNotFound, TaskOver):
                await self.journal.execute(
                    of_schedule(schedule_id, StopSchedule(by=by))
                )
        for environment_id, ticket_id in held.tickets:
            release = ReleaseLock(by=by, ticket_id=ticket_id)
            with suppress(EnvironmentNotFound, TicketNotFound):
                await self.journal.execute(Step(environment, environment_id, release))
        streams = [stream_of_task(operation_id) for operation_id in held.tasks]
        for stream in streams:
            with suppress(TaskNotFound, TaskOver):
                await self.journal.execute(Step(lifecycle, stream, CancelTask(by=by)))
        for stream in streams:
            with suppress(StillWaiting):  # Then it is found to be going on.
                await self.journal.execute(
                    Step(lifecycle, stream, AwaitEnd(by=by)),
                    wait_seconds=END_SECONDS_MAX,
                )


def check_is_a_person(name: str) -> None:
    """`Invalid` if it cannot be the name of one."""
    if not 0 < len(name) <= SUBJECT_LENGTH_MAX:
        raise Invalid(
            f"subject must have 1 to {SUBJECT_LENGTH_MAX} characters", field="subject"
        )
    try:
        name.encode()
    except UnicodeEncodeError:  # Bytes that a terminal sent may be anything.
        raise Invalid("subject is not UTF-8", field="subject") from None
    if "\0" in name:
        raise Invalid("subject has a character that no name has", field="subject")
    if is_reserved(name):
        raise Invalid("subject is not the name of a person", field="subject")
