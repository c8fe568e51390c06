"""The journal in the name of whose task it is, while that submitter's token is good.

A task whose worker died before it could tell what it did is carried out again: the same
question is asked once more, by then about another environment perhaps, which has the
name or the issue that is meant. So what a task changes is appended with a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from domain.decider import Journal, Look, Outcome, Step
from domain.event import Actor
from domain.once import Carried, CarryOut, once, stream_of
from domain.task.submitter import guard_of
from workers.review.data import ReviewData


@dataclass(frozen=True)
class Acting:
    """For one task; `asked` stands for what it asks."""

    journal: Journal
    by: Actor
    operation_id: str
    asked: str

    async def execute(self, *steps: Step) -> Outcome:
        """As `Journal.execute`, the token being looked at in the same append."""
        return await self._execute(guard_of(self.by), steps)

    async def is_done(self) -> bool:
        """Whether what is asked was done before."""
        look = Step(once, stream_of(self.asked), Look(by=self.by))
        carried: Carried = (await self.execute(look)).states[0]
        return carried.parts > 0

    async def change(self, *steps: Step) -> Outcome:
        """The same, but only once: then it is `AlreadyCarriedOut`."""
        mark = Step(once, stream_of(self.asked), CarryOut(by=self.by, part=0))
        return await self._execute([*guard_of(self.by), mark], steps)

    async def _execute(self, first: Sequence[Step], steps: Sequence[Step]) -> Outcome:
        """`first` and `steps` together; the states are those of `steps`."""
        outcome = await self.journal.execute(*first, *steps)
        return replace(outcome, states=outcome.states[len(first) :])


def asked_by(operation_id: str, kind: str, data: ReviewData) -> str:
    """The same whenever this task asks the same."""
    return sha256(msgspec.json.encode((operation_id, kind, data))).hexdigest()
