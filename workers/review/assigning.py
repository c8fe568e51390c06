"""One try to assign an environment of a pool to an issue, however many others try.

All is decided by the journal: that the environment is free, that the issue has no other
one, and that nobody else assigned one to it meanwhile are one append.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from domain.decider import Look, Outcome, Step
from domain.environment.environment import Environment, environment
from domain.environment.review import AssignReview, KeepReview, RequireElsewhere
from domain.errors import (
    AlreadyCarriedOut,
    EnvironmentInactive,
    EnvironmentLocked,
    EnvironmentNotFound,
    LeaseOver,
    NotInPool,
    ReviewGivenBack,
    ReviewMoved,
    ReviewNotAssigned,
    ReviewTaken,
)
from domain.review_index import ChooseEnvironment, Place, review_index, stream_of
from workers.review.acting import Acting
from workers.review.data import FetchData
from workers.review.pool import Pool
from workers.review.shown import shown

TRIES_MAX = 8
# Why an environment that was free in the listing is not to be had after all.
TOO_LATE = (
    ReviewTaken,
    NotInPool,
    EnvironmentInactive,
    EnvironmentLocked,
    EnvironmentNotFound,
)
# Why the issue does not have the one any more that it had.
HAD = (ReviewTaken, ReviewNotAssigned, LeaseOver)


@dataclass(frozen=True)
class Assigning:
    acting: Acting
    pool: Pool
    data: FetchData

    async def run(self) -> dict[str, Any]:
        """`assigned`, or nothing and `why` not."""
        for _ in range(TRIES_MAX):
            try:
                if await self.acting.is_done():
                    return {"assigned": await self._still_had()}
                if answer := await self._keep_or_take():
                    return {"assigned": answer}
            except (ReviewMoved, AlreadyCarriedOut):
                continue  # Another task did the same for this issue: look again.
            many = len(self.pool.members)
            why = f"none of the {many} environments of {self.pool.name} is free"
            return {"assigned": None, "why": why}
        raise ReviewMoved(f"{self.data.issue} is given one environment after the other")

    @property
    def index(self) -> str:
        return stream_of(self.pool.repository, self.pool.name, self.data.issue)

    async def _previous(self) -> str | None:
        """The environment that the issue was given last."""
        look = Step(review_index, self.index, Look(by=self.acting.by))
        place: Place = (await self.acting.execute(look)).states[0]
        return place.environment_id

    async def _still_had(self) -> dict[str, Any]:
        """What this task got before; `ReviewGivenBack` if that is over by now."""
        if previous := await self._previous():
            with suppress(EnvironmentNotFound, *HAD):
                keep = self._keep(previous, lease_seconds=None)
                return self._told(previous, await self.acting.execute(keep), 0)
        raise ReviewGivenBack("what this task assigned was given back, or is over")

    async def _keep_or_take(self) -> dict[str, Any] | None:
        previous = await self._previous()
        may_have_it = False
        if previous is not None:
            try:
                keep = self._keep(previous, self.data.leasefor)
                return self._told(previous, await self.acting.change(keep), 0)
            except EnvironmentNotFound:
                pass  # It was deleted, and comes back no more.
            except HAD:
                may_have_it = True  # Until then, and perhaps again.
        for candidate in self.pool.candidates():
            steps = [self._choose(candidate.id, previous), self._assign(candidate.id)]
            if may_have_it and previous and previous != candidate.id:
                steps.append(self._require_elsewhere(previous))
            try:
                return self._told(candidate.id, await self.acting.change(*steps), 1)
            except TOO_LATE:
                continue
        return None

    def _keep(self, environment_id: str, lease_seconds: int | None) -> Step:
        command = KeepReview(
            by=self.acting.by,
            issue=self.data.issue,
            pool=self.pool.name,
            operation_id=self.acting.operation_id,
            lease_seconds=lease_seconds,
        )
        return Step(environment, environment_id, command)

    def _choose(self, environment_id: str, previous: str | None) -> Step:
        command = ChooseEnvironment(
            by=self.acting.by,
            repository=self.pool.repository,
            pool=self.pool.name,
            issue=self.data.issue,
            environment_id=environment_id,
            previous_id=previous,
        )
        return Step(review_index, self.index, command)

    def _assign(self, environment_id: str) -> Step:
        command = AssignReview(
            by=self.acting.by,
            issue=self.data.issue,
            pool=self.pool.name,
            operation_id=self.acting.operation_id,
            branch=self.data.branch,
            lease_seconds=self.data.leasefor,
        )
        return Step(environment, environment_id, command)

    def _require_elsewhere(self, environment_id: str) -> Step:
        command = RequireElsewhere(
            by=self.acting.by,
            issue=self.data.issue,
            pool=self.pool.name,
            operation_id=self.acting.operation_id,
        )
        return Step(environment, environment_id, command)

    def _told(self, environment_id: str, outcome: Outcome, step: int) -> dict[str, Any]:
        after: Environment = outcome.states[step]
        return shown(environment_id, after, outcome.at, self.pool.name)
