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
