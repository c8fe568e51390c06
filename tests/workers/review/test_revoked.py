"""Once its submitter's token is revoked, a task changes nothing, however far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from domain.decider import Journal, Outcome, Step
from domain.environment.review import ReviewCommand
from domain.errors import Unauthenticated
from domain.event import Actor
from domain.roles import Role
from domain.token import IssueToken, RevokeToken, stream_of, token
from tests.support.builders import OWNER
from tests.workers.review.worker import Play, Worker
from workers.review.desk import ReviewDesk

BEARER = Actor("ci", Role.APPLICATION, "ci", token_id="t")
ISSUE = IssueToken(by=OWNER, name="ci", secret_sha256="")
HAS, HAS_NOT = "I-1", "I-2"


@dataclass
class RevokedInTime:
    """A journal where the token is revoked right before the first change."""

    journal: Journal
    changes: list[Step] = field(default_factory=list)

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        changes = [s for s in steps if isinstance(s.command, ReviewCommand)]
        if changes and not self.changes:
            revoke = RevokeToken(by=OWNER)
            await self.journal.execute(Step(token, stream_of("t"), revoke))
        self.changes += changes
        return await self.journal.execute(*steps, wait_seconds=wait_seconds)

    def now(self) -> datetime:
        return self.journal.now()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("review.assign", {"issue": HAS_NOT}),
        ("review.assign", {"issue": HAS, "leasefor": 2_000_000}),
        ("review.extend", {"issue": HAS, "extendBy": 60}),
        ("review.transition", {"issue": HAS, "status": "Expired"}),
        ("review.unassign", {"issue": HAS}),
    ],
)
def test_a_token_revoked_before_the_change_leaves_all_as_it_is(
    play: Play, kind: str, told: dict[str, Any]
) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.rig.journal.execute(Step(token, stream_of("t"), ISSUE))
        await worker.run("fetch", BEARER, issue=HAS)
        before = await worker.run("list_assigned")
        journal = RevokedInTime(worker.rig.journal)
        desk = ReviewDesk(journal, worker.desk.reader)
        data = {"repoId": "acme/shop", "pool": "core"} | told
        asked = {"operation_id": "late", "data": data}
        with pytest.raises(Unauthenticated):
            await desk.answer(kind, asked, BEARER)
        assert journal.changes
        after = await worker.run("list_assigned")
        seconds = {"expiresInSeconds": None}
        assert [one | seconds for one in after] == [one | seconds for one in before]

    play(scene)
