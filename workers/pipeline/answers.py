"""What a Berth elsewhere answers, as far as a pipeline needs it."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

TICKET = re.compile(r"ticket_[0-9a-f-]+")
# Both become part of a path, and a ticket is printed: neither may be any other text.
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
TicketId = Annotated[str, Meta(pattern=rf"^{TICKET.pattern}\Z")]
# What a variable of the environment can hold.
Text = Annotated[str, Meta(pattern=r"^[^\0]*\Z")]


class Found(Struct, frozen=True, rename="camel"):
    """An environment."""

    id: Id
    name: str
    repository_name: str


class Requested(Struct, frozen=True, rename="camel"):
    ticket_id: TicketId


class Held(Struct, frozen=True, kw_only=True, rename="camel"):
    """The lock, and the credentials of the environment's org if it has one."""

    environment_id: Id
    environment_name: Text
    ticket_id: TicketId
    fence: int
    salesforce_username: Text | None = None
    sfdx_auth_url: Text | None = None
    access_token: Text | None = None
    instance_url: Text | None = None
    front_door_url: Text | None = None


class Renewed(Struct, frozen=True, rename="camel"):
    fence: int


class Released(Struct, frozen=True, rename="camel"):
    """`released`, `withdrawn`, or how the ticket had ended before."""

    status: str


class Queued(Struct, frozen=True, rename="camel"):
    """Not its turn: of a refusal, so that nothing is lost if it does not say."""

    position: int = 0
    estimated_wait_seconds: int = 0


class Holder(Struct, frozen=True, rename="camel"):
    """Who has the lock. A server of long ago does not tell the ticket."""

    locked_by: str
    expires_in_seconds: int
    lock_reason: str | None = None
    ticket_id: str = ""


class Waiting(Struct, frozen=True, rename="camel"):
    """`estimated_wait_seconds` if every lease is used up."""

    position: int
    requested_by: str
    ticket_id: str
    estimated_wait_seconds: int
    lock_reason: str | None = None


class LockStatus(Struct, frozen=True, rename="camel"):
    current_lock: Holder | None
    queued_locks: list[Waiting]


class Standing(Struct, frozen=True, rename="camel"):
    """An environment, and who has it."""

    name: str
    repository_identifier: str
    lock_status: LockStatus
    is_active: bool = True
