"""Answers the handlers of review environments, in the name of whose task it is.

They run without a database. What they may do is what their task's submitter may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.choices import explained
from domain.decider import Journal, Look, Step
from domain.environment.environment import Environment, environment
from domain.environment.review import (
    ExtendReview,
    ReviewCommand,
    TransitionReview,
    UnassignReview,
)
from domain.errors import (
    AlreadyCarriedOut,
    EnvironmentNotFound,
    Forbidden,
    Invalid,
    ReviewNotAssigned,
)
from domain.event import Actor
from domain.roles import Role
from projections.environment_listing import Listed
from projections.storage.reader import Reader
from workers.review.acting import Acting, asked_by
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

Answer = Callable[["ReviewDesk", Any, Acting], Awaitable[Any]]


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
            told = explained(error, data_type)
            raise Invalid(f"data: {told}", field="data") from None
        operation_id = str(arguments.get("operation_id", ""))
        asked = asked_by(operation_id, kind, data)
        acting = Acting(self.journal, by, operation_id, asked)
        return msgspec.to_builtins(await how(self, data, acting))

    async def assign(self, data: FetchData, acting: Acting) -> Any:
        pool = await pool_of(self.reader, data, acting.by)
        return await Assigning(acting, pool, data).run()

    async def find(self, data: OneData, acting: Acting) -> Any:
        pool = await pool_of(self.reader, data, acting.by)
        found = pool.find(data.issue, data.environment)
        if found is None:
            return {"isAssigned": False, "issue": data.issue, "pool": data.pool}
        review = found.environment.review
        mine = review is not None and review.is_of(data.issue, data.pool)
        is_assigned = review is not None and review.is_live and mine
        return {"isAssigned": is_assigned} | shown_of(found, data)

    async def extend(self, data: ExtendData, acting: Acting) -> Any:
        command = ExtendReview(
            by=acting.by,
            issue=data.issue,
            pool=data.pool,
            operation_id=acting.operation_id,
            lease_seconds=data.leasefor,
            by_seconds=data.extend_by,
        )
        return await self._change(data, command, acting)

    async def transition(self, data: TransitionData, acting: Acting) -> Any:
        assert data.status is not None
        command = TransitionReview(
            by=acting.by,
            issue=data.issue,
            pool=data.pool,
            operation_id=acting.operation_id,
            status=data.status,
        )
        return await self._change(data, command, acting)

    async def unassign(self, data: OneData, acting: Acting) -> Any:
        command = UnassignReview(
            by=acting.by,
            issue=data.issue,
            pool=data.pool,
            operation_id=acting.operation_id,
        )
        try:
            after = await self._change(data, command, acting)
        except ReviewNotAssigned:
            after = {"issue": data.issue, "pool": data.pool}
        return {"isAssigned": False} | after

    async def list(self, data: ListData, acting: Acting) -> Any:
        found = await reviewed(self.reader, data, acting.by)
        return [shown(one.id, one.environment, one.at, "") for one in found]

    async def _change(
        self, data: OneData, command: ReviewCommand, acting: Acting
    ) -> dict[str, Any]:
        pool = await pool_of(self.reader, data, acting.by)
        if await acting.is_done():
            return await self._what_was_done(pool, data, acting)
        before = the_one_meant(pool, data)
        try:
            return await self._change_one(before, data, command, acting)
        except AlreadyCarriedOut:
            return await self._what_was_done(pool, data, acting)
        except EnvironmentNotFound:
            # It is gone, or had the name that was given and has another by now.
            pool = await pool_of(self.reader, data, acting.by)
            found = the_one_meant(pool, data)
            if found.id == before.id:
                raise
        return await self._change_one(found, data, command, acting)

    async def _change_one(
        self, found: Listed, data: OneData, command: ReviewCommand, acting: Acting
    ) -> dict[str, Any]:
        step = Step(environment, found.id, with_name(command, data, found))
        outcome = await acting.change(step)
        after: Environment = outcome.states[0]
        return shown(found.id, after, outcome.at, data.pool)

    async def _what_was_done(
        self, pool: Pool, data: OneData, acting: Acting
    ) -> dict[str, Any]:
        """The environment that this task has changed, whatever it is called by now."""
        every = [*pool.members, *pool.others]
        look = Look(by=acting.by)
        looked = await acting.execute(*(Step(environment, e.id, look) for e in every))
        for one, state in zip(every, looked.states, strict=True):
            if is_changed_by(acting.operation_id, state):
                return shown(one.id, state, looked.at, data.pool)
        return shown_of(the_one_meant(pool, data), data)  # There was nothing to change.


def is_changed_by(operation_id: str, state: Environment) -> bool:
    review = state.review
    return review is not None and operation_id in review.operations


def shown_of(found: Listed, data: OneData) -> dict[str, Any]:
    return shown(found.id, found.environment, found.at, data.pool)


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
