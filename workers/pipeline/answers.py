"""What a Berth elsewhere answers, as far as a pipeline needs it."""

from __future__ import annotations

from msgspec import Struct


class Found(Struct, frozen=True, rename="camel"):
    """An environment."""

    id: str
    name: str
    repository_name: str


class Requested(Struct, frozen=True, rename="camel"):
    ticket_id: str


class Held(Struct, frozen=True, kw_only=True, rename="camel"):
    """The lock, and the credentials of the environment's org if it has one."""

    environment_id: str
    environment_name: str
    ticket_id: str
    fence: int
    salesforce_username: str | None = None
    sfdx_auth_url: str | None = None
    access_token: str | None = None
    instance_url: str | None = None
    front_door_url: str | None = None


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
