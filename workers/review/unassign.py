"""unassignReviewEnvironment: give it back."""

from __future__ import annotations

from typing import Any

from workers.review.context import Context, ask
from workers.review.data import OneData


def unassign(context: Context, data: OneData) -> Any:
    return ask(context, "review.unassign", data)
