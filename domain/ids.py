"""The only place that makes up identifiers."""

from __future__ import annotations

from uuid import UUID, uuid4

from domain.errors import Invalid


def new_id() -> str:
    return str(uuid4())


def new_ticket_id() -> str:
    return f"ticket_{uuid4()}"


def parse_id(text: str, field: str) -> str:
    """`text` as a lower-case UUID; `Invalid` names `field` when it is not one."""
    if len(text) == len("123e4567-e89b-12d3-a456-426614174000"):
        try:
            return str(UUID(text))
        except ValueError:
            pass
    raise Invalid(f"{field} is not a UUID", field=field)
