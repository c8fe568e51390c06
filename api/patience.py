"""How long a caller waits for a lock: for as long as it says, up to the most."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.errors import Invalid

WAIT_SECONDS = 30
WAIT_SECONDS_MAX = 300
NAME = "timeoutSeconds"
TOLD = (
    f"How many seconds to wait: {WAIT_SECONDS} unless it is said, and"
    f" {WAIT_SECONDS_MAX} at most, also if more are asked for; after a 408, ask again"
)
# A whole number, but not an int, so that none is too large.
InBody = Annotated[float, Meta(ge=0, multiple_of=1, description=TOLD)]


def wait_seconds(in_query: float | None, in_body: float | None) -> float:
    """`Invalid` if both are given."""
    if None not in (in_query, in_body):
        raise Invalid(f"give {NAME} once", field=NAME)
    given = in_query if in_body is None else in_body
    return WAIT_SECONDS if given is None else min(given, WAIT_SECONDS_MAX)
