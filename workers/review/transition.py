"""transitionReviewEnvironment: say what has become of it."""

from __future__ import annotations

from typing import Any

from workers.review.context import Context, ask
from workers.review.data import TransitionData


def transition(context: Context, data: TransitionData) -> Any:
    return ask(context, "review.transition", data)
