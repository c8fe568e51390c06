"""checkReviewEnvironment: whether the issue has one, and until when."""

from __future__ import annotations

from typing import Any

from workers.review.context import Context, ask
from workers.review.data import OneData


def check(context: Context, data: OneData) -> Any:
    return ask(context, "review.find", data)
