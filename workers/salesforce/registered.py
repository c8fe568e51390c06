"""The org that is registered under a username, as the journal has it now."""

from __future__ import annotations

from typing import Protocol

from domain.decider import Outcome, Step
from domain.errors import OrgNotFound
from domain.event import Actor
from domain.naming import fold
from domain.org import STREAM, OrgRegistered, Orgs, RequireOrg, orgs


class Executing(Protocol):
    """The journal, or a desk before it."""

    async def execute(self, *steps: Step) -> Outcome: ...


async def org_of(journal: Executing, username: str | None, by: Actor) -> OrgRegistered:
    """An environment's; `OrgNotFound` if it has none, or none is registered."""
    if username is None:
        raise OrgNotFound("this environment has no Salesforce org")
    require = RequireOrg(by=by, usernames={"salesforceUsername": username})
    outcome = await journal.execute(Step(orgs, STREAM, require))
    known: Orgs = outcome.states[0]
    return known.known[fold(username)]
