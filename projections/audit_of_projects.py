"""What the audit says of what a repository decides for several environments at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from domain.project_events import DefaultChosen, EnvironmentsOrdered

SharedEvent = DefaultChosen | EnvironmentsOrdered


def shares(event: SharedEvent) -> Mapping[str, dict[str, Any]]:
    """What there is to say to each one named, also if its place is as before."""
    match event:
        case DefaultChosen(environment_id=chosen, previous_id=previous):
            action, told = "default_chosen", "is_default"
            now: dict[str | None, Any] = {previous: False, chosen: True}
        case EnvironmentsOrdered(environment_ids=ids, left_out=left_out):
            action, told = "environments_ordered", "orchestration_order"
            now = {**dict.fromkeys(left_out)}
            now |= {key: place for place, key in enumerate(ids, start=1)}
        case _:
            assert_never(event)
    said = {"action": action, "category": event.category}
    return {key: said | {told: value} for key, value in now.items() if key}
