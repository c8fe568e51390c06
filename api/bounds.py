"""Where in the journal something begins or ends: at a position, or at an instant."""

from __future__ import annotations

import re

from domain.errors import Invalid
from domain.instant import EXAMPLE, instant_of
from projections.storage.log.selection import Bound

# As the API's document tells it.
EITHER = (
    r"^([1-9][0-9]{0,14}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)
POSITION = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
LIKE_A_DATE = re.compile(r"[0-9]{4}-.+", re.ASCII | re.DOTALL)


def bound_of(text: str, field: str) -> Bound:
    """`Invalid` names `field` if `text` is neither; an instant must have its zone."""
    if POSITION.fullmatch(text):
        return int(text)
    if LIKE_A_DATE.fullmatch(text):
        return instant_of(text, field)
    raise Invalid(
        f"{field} is neither a position, which is a whole number from 1 on, nor an"
        f" instant such as {EXAMPLE}",
        field=field,
    )
