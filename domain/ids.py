"""The only place that makes up identifiers."""

from __future__ import annotations

import re
from uuid import UUID, uuid4, uuid5

from domain.errors import Invalid

FORM = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)


def new_id() -> str:
    """A random UUID (version 4), in small letters with hyphens."""
    return str(uuid4())


def derived_id(source: str, number: int) -> str:
    """Always the same id for the same `source`, an id itself, and `number`."""
    return str(uuid5(UUID(source), str(number)))


def new_ticket_id() -> str:
    return ticket_id_of(new_id())


def ticket_id_of(id: str) -> str:  # noqa: A002
    return f"ticket_{id}"


def parse_id(text: str, field: str) -> str:
    """`text` as a lower-case UUID; `Invalid` names `field` when it is not one."""
    if FORM.fullmatch(text):  # `UUID` reads much else: braces, underscores, URNs.
        return text.lower()
    raise Invalid(f"{field} is not a UUID", field=field)
