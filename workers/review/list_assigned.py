"""listAssignedReviewEnvironments: who has which, and until when."""

from __future__ import annotations

from typing import Any

from workers.review.context import Context, ask
from workers.review.data import ListData


def list_assigned(context: Context, data: ListData) -> Any:
    return ask(context, "review.list", data)
