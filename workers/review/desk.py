"""Answers the handlers of review environments, in the name of whose task it is.

They run without a database. What they may do is what their task's submitter may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.decider import Journal, Step
from domain.environment.environment import Environment, environment
from domain.environment.review import (
    ExtendReview,
    ReviewCommand,
    TransitionReview,
    UnassignReview,
)
from domain.errors import (
    EnvironmentNotFound,
    Forbidden,
    Invalid,
    ReviewNotAssigned,
)
from domain.event import Actor
from domain.roles import Role
from projections.environment_listing import Listed
from projections.storage.reader import Reader
from workers.review.acting import Acting
from workers.review.assigning import Assigning
from workers.review.data import (
    ExtendData,
    FetchData,
    ListData,
    OneData,
    ReviewData,
    TransitionData,
)
from workers.review.pool import Pool, pool_of, reviewed
from workers.review.shown import shown

Answer = Callable[["ReviewDesk", Any, str, Actor], Awaitable[Any]]


@dataclass(frozen=True)
class ReviewDesk:
    journal: Journal
    reader: Reader

    async def answer(self, kind: str, arguments: Mapping[str, Any], by: Actor) -> Any:
        """A JSON value. Refuses as the rules do; `Invalid` names what is wrong."""
        if kind not in ANSWERS:
            raise Invalid(f"nobody here answers {kind}", field="kind")
        if not by.role.includes(Role.APPLICATION):
            raise Forbidden("review environments are for an application or an owner")
        data_type, how = ANSWERS[kind]
        try:
            data = msgspec.convert(arguments.get("data"), data_type)
        except msgspec.ValidationError as error:
            raise Invalid(f"data: {error}", field="data") from None
        operation_id = str(arguments.get("operation_id", ""))
        return msgspec.to_builtins(await how(self, data, operation_id, by))

    async def assign(self, data: FetchData, operation_id: str, by: Actor) -> Any:
        pool = await pool_of(self.reader, data, by)
        acting = Acting(self.journal, by)
        return await Assigning(acting, pool, data, operation_id).run()

    async def find(self, data: OneData, _: str, by: Actor) -> Any:
        pool = await pool_of(self.reader, data, by)
        found = pool.find(data.issue, data.environment)
        if found is None:
            return {"isAssigned": False, "issue": data.issue, "pool": data.pool}
        review = found.environment.review
        mine = review is not None and review.is_of(data.issue, data.pool)
        is_assigned = review is not None and review.is_live and mine
        return {"isAssigned": is_assigned} | shown(
            found.id, found.environment, found.at, data.pool
        )

    async def extend(self, data: ExtendData, operation_id: str, by: Actor) -> Any:
        command = ExtendReview(
            by=by,
            issue=data.issue,
            pool=data.pool,
            operation_id=operation_id,
            lease_seconds=data.leasefor,
            by_seconds=data.extend_by,
        )
        return await self._change(data, command)

    async def transition(
        self, data: TransitionData, operation_id: str, by: Actor
    ) -> Any:
        assert data.status is not None
        command = TransitionReview(
            by=by,
            issue=data.issue,
            pool=data.pool,
            operation_id=operation_id,
            status=data.status,
        )
        return await self._change(data, command)

    async def unassign(self, data: OneData, operation_id: str, by: Actor) -> Any:
        pool = await pool_of(self.reader, data, by)
        if pool.find(data.issue, data.environment) is None:
            return {"isAssigned": False, "issue": data.issue, "pool": data.pool}
        command = UnassignReview(
            by=by, issue=data.issue, pool=data.pool, operation_id=operation_id
        )
        return {"isAssigned": False} | await self._change(data, command, pool)

    async def list(self, data: ListData, _: str, by: Actor) -> Any:
        found = await reviewed(self.reader, data, by)
        return [shown(one.id, one.environment, one.at, "") for one in found]

    async def _change(
        self, data: OneData, command: ReviewCommand, pool: Pool | None = None
    ) -> dict[str, Any]:
        pool = pool or await pool_of(self.reader, data, command.by)
        before = the_one_meant(pool, data)
        try:
            return await self._change_one(before, data, command)
        except EnvironmentNotFound:
            # It is gone, or had the name that was given and has another by now.
            pool = await pool_of(self.reader, data, command.by)
            found = the_one_meant(pool, data)
            if found.id == before.id:
                raise
        return await self._change_one(found, data, command)

    async def _change_one(
        self, found: Listed, data: OneData, command: ReviewCommand
    ) -> dict[str, Any]:
        acting = Acting(self.journal, command.by)
        step = Step(environment, found.id, with_name(command, data, found))
        outcome = await acting.execute(step)
        after: Environment = outcome.states[0]
        return shown(found.id, after, outcome.at, data.pool)


def the_one_meant(pool: Pool, data: OneData) -> Listed:
    if found := pool.find(data.issue, data.environment):
        return found
    raise ReviewNotAssigned(f"issue: {data.issue} has none in {data.pool}")


def with_name(command: ReviewCommand, data: OneData, found: Listed) -> ReviewCommand:
    """It carries the name, unless another word said which one is meant."""
    if data.environment is None or data.environment.lower() == found.id:
        return command
    return replace(command, name=data.environment)


ANSWERS: Mapping[str, tuple[type[ReviewData], Answer]] = {
    "review.assign": (FetchData, ReviewDesk.assign),
    "review.find": (OneData, ReviewDesk.find),
    "review.extend": (ExtendData, ReviewDesk.extend),
    "review.transition": (TransitionData, ReviewDesk.transition),
    "review.unassign": (OneData, ReviewDesk.unassign),
    "review.list": (ListData, ReviewDesk.list),
}
