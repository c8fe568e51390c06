"""What can happen to a webhook. Where exactly it leads is in the vault, not here."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from domain.environment.events import Category
from domain.event import Event

TIMEOUT_MS = 10_000


class Provider(StrEnum):
    """Who reads it: a program, or people in a chat."""

    GENERIC = "generic"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"


class Method(StrEnum):
    POST = "POST"
    PUT = "PUT"


class Ordering(StrEnum):
    """`environment`: what is about one thing goes out one after the other."""

    NONE = "none"
    ENVIRONMENT = "environment"


class SuspensionReason(StrEnum):
    FAILING = "failing"
    GONE = "gone"
    ASKED = "asked"


class Filter(Struct, frozen=True, gc=False):
    """What an event must match, all of it; `types` are patterns, of which one must."""

    repository: str | None = None
    environment_id: str | None = None
    category: Category | None = None
    types: tuple[str, ...] = ()


class WebhookCreated(Event, frozen=True, tag="webhook.created"):
    """`pattern` says which events; `destination` is the scheme and host of its URL.

    The vault keeps the URL and the headers under `config_id`, the secret that signs
    under `secret_id`. Without `retry_delay_ms`, retries follow the schedule.
    """

    name: str
    pattern: str
    destination: str
    config_id: str
    secret_id: str
    provider: Provider = Provider.GENERIC
    method: Method = Method.POST
    filter: Filter = Filter()
    ordering: Ordering = Ordering.NONE
    timeout_ms: int = TIMEOUT_MS
    retry_count: int | None = None
    retry_delay_ms: int | None = None
    is_active: bool = True


class WebhookRevised(Event, frozen=True, tag="webhook.revised"):
    """Only what changed is set."""

    name: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    destination: str | UnsetType = UNSET
    config_id: str | UnsetType = UNSET
    provider: Provider | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    filter: Filter | UnsetType = UNSET
    timeout_ms: int | UnsetType = UNSET
    retry_count: int | None | UnsetType = UNSET
    retry_delay_ms: int | None | UnsetType = UNSET


class WebhookSecretRotated(Event, frozen=True, tag="webhook.secret_rotated"):
    """Both secrets sign until `previous_until`."""

    secret_id: str
    previous_secret_id: str
    previous_until: datetime


class WebhookSuspended(Event, frozen=True, tag="webhook.suspended"):
    """Nothing goes there, and what happens until it is resumed is not meant for it."""

    reason: SuspensionReason


class WebhookResumed(Event, frozen=True, tag="webhook.resumed"):
    """What was still to be delivered goes on, and so does whatever happens now."""


class WebhookDeleted(Event, frozen=True, tag="webhook.deleted"):
    pass


WebhookEvent = (
    WebhookCreated
    | WebhookRevised
    | WebhookSecretRotated
    | WebhookSuspended
    | WebhookResumed
    | WebhookDeleted
)
