"""extendReviewEnvironment: let the issue have it for longer."""

from __future__ import annotations

from typing import Any

from workers.review.context import Context, ask
from workers.review.data import ExtendData


def extend(context: Context, data: ExtendData) -> Any:
    return ask(context, "review.extend", data)
