"""Answers what running tasks ask of Berth: each kind of question at its own desk.

A task is answered as long as its submitter would be: with an application's token that
is good at that moment. Who is turned away for want of a right is on record before he
hears of it, once for each task and reason, however often it asks.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.access import AccessRefused, RecordAccess, access, stream_of
from domain.decider import Journal, Step
from domain.errors import Forbidden, Invalid, Unauthenticated
from domain.event import Actor
from domain.ids import new_id
from domain.task.submitter import guard_of
from workers.review.desk import ReviewDesk
from workers.tasks.credentials import CredentialsDesk

METHOD = "ASK"
REMEMBERED_MAX = 10_000


@dataclass(frozen=True)
class TaskAnswers:
    journal: Journal
    reviews: ReviewDesk
    credentials: CredentialsDesk
    _on_record: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    async def __call__(self, kind: str, arguments: dict[str, Any], by: Actor) -> Any:
        """A JSON value, or a refusal; `by` is whose task it is."""
        try:
            if guard := guard_of(by):
                await self.journal.execute(*guard)
            return await self._answer(kind, arguments, by)
        except (Forbidden, Unauthenticated) as refusal:
            await self._record(refusal, kind, arguments, by)
            raise

    async def _answer(self, kind: str, arguments: dict[str, Any], by: Actor) -> Any:
        if kind == "credentials":
            return await self.credentials.answer(arguments, by)
        if kind.startswith("review."):
            return await self.reviews.answer(kind, arguments, by)
        raise Invalid(f"nobody here answers {kind}", field="kind")

    async def _record(
        self,
        refusal: Forbidden | Unauthenticated,
        kind: str,
        arguments: dict[str, Any],
        by: Actor,
    ) -> None:
        key = (by.request_id, str(refusal))
        if key in self._on_record:
            return
        event = AccessRefused(
            environment_id=_environment_of(arguments),
            status=401 if isinstance(refusal, Unauthenticated) else 403,
            method=METHOD,
            path=f"/tasks/{by.request_id}/{_known(kind)}",
            reason=str(refusal),
        )
        record = RecordAccess(by=by, event=event)
        await self.journal.execute(
            Step(access, stream_of(new_id()), record, fresh=True)
        )
        self._on_record[key] = None
        if len(self._on_record) > REMEMBERED_MAX:
            self._on_record.popitem(last=False)


def _environment_of(arguments: dict[str, Any]) -> str | None:
    try:
        return str(UUID(str(arguments.get("environmentId"))))
    except ValueError:
        return None


def _known(kind: str) -> str:
    """What a handler makes up is not put on record."""
    return "credentials" if kind == "credentials" else "review"
