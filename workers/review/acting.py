"""The journal in the name of whose task it is, while that submitter's token is good."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from domain.decider import Journal, Outcome, Step
from domain.event import Actor
from domain.task.submitter import guard_of


@dataclass(frozen=True)
class Acting:
    """A token is revoked before a change or after it, and never meanwhile."""

    journal: Journal
    by: Actor

    async def execute(self, *steps: Step) -> Outcome:
        """As `Journal.execute`, the token being looked at in the same append."""
        guard = guard_of(self.by)
        outcome = await self.journal.execute(*guard, *steps)
        return replace(outcome, states=outcome.states[len(guard) :])
