"""Answers what running tasks ask of Berth: each kind of question at its own desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.event import Actor
from workers.review.desk import ReviewDesk
from workers.tasks.credentials import CredentialsDesk


@dataclass(frozen=True)
class TaskAnswers:
    reviews: ReviewDesk
    credentials: CredentialsDesk

    async def __call__(self, kind: str, arguments: dict[str, Any], by: Actor) -> Any:
        """A JSON value, or a refusal; `by` is whose task it is."""
        if kind == "credentials":
            return await self.credentials.answer(arguments, by)
        if kind.startswith("review."):
            return await self.reviews.answer(kind, arguments, by)
        raise Invalid(f"nobody here answers {kind}", field="kind")
