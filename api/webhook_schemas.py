"""What crosses the wire about webhooks. Times are in ms, as those of tasks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api.or_null import OrNull
from api.schemas import Answer, Body, Name
from domain.environment.events import Category
from domain.webhook.events import TIMEOUT_MS, Method, Ordering, Provider
from domain.webhook.schedule import (
    RETRIES_MAX,
    RETRY_DELAY_MS_MAX,
    RETRY_DELAY_MS_MIN,
)
from domain.webhook.webhook import OVERLAP_SECONDS, OVERLAP_SECONDS_MAX, WebhookStatus
from domain.webhook.wishes import PATTERN_LENGTH_MAX, TYPES_MAX
from projections.storage.deliveries import Outcome

TIMEOUT_MS_MAX = 30_000
URL_LENGTH_MAX = 2_048
HEADERS_MAX = 32
POSITION_MAX = 2**53

Pattern = Annotated[str, Meta(min_length=1, max_length=PATTERN_LENGTH_MAX)]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=TYPES_MAX)]
Url = Annotated[str, Meta(min_length=1, max_length=URL_LENGTH_MAX)]
Value = Annotated[str, Meta(max_length=4_096)]
Headers = Annotated[dict[Name, Value], Meta(max_length=HEADERS_MAX)]
TimeoutMs = Annotated[int, Meta(ge=100, le=TIMEOUT_MS_MAX)]
Retries = Annotated[int, Meta(ge=0, le=RETRIES_MAX)]
RetryDelayMs = Annotated[int, Meta(ge=RETRY_DELAY_MS_MIN, le=RETRY_DELAY_MS_MAX)]
Overlap = Annotated[int, Meta(ge=0, le=OVERLAP_SECONDS_MAX)]
Position = Annotated[int, Meta(ge=1, le=POSITION_MAX)]


class Switch(StrEnum):
    """What an owner can make of a webhook's status."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class FilterBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """All that is given must match; of `types`, one."""

    repository_identifier: Name | None = None
    environment_id: Name | None = None
    category: Category | None = None
    types: OrNull[Patterns] = ()


class ConfigBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    url: Url
    method: OrNull[Method] = Method.POST
    headers: OrNull[Headers] = {}
    filter: OrNull[FilterBody] = FilterBody()


class ConfigPatch(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Only what is given changes; `headers` and `filter` as a whole."""

    url: Url | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    filter: FilterBody | UnsetType = UNSET


class WebhookBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`event` is a type, such as `lock.acquired`; all of a kind, `lock.*`; or `*`."""

    name: Name
    event: Pattern
    config: ConfigBody
    provider: OrNull[Provider] = Provider.GENERIC
    timeout: OrNull[TimeoutMs] = TIMEOUT_MS
    retry_count: Retries | None = None
    retry_delay: RetryDelayMs | None = None
    ordering: OrNull[Ordering] = Ordering.NONE
    status: OrNull[Switch] = Switch.ACTIVE


class WebhookPatch(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Only what is given changes. `status: active` resumes one that has failed."""

    name: Name | UnsetType = UNSET
    event: Pattern | UnsetType = UNSET
    config: ConfigPatch | UnsetType = UNSET
    provider: Provider | UnsetType = UNSET
    timeout: TimeoutMs | UnsetType = UNSET
    retry_count: Retries | None | UnsetType = UNSET
    retry_delay: RetryDelayMs | None | UnsetType = UNSET
    status: Switch | UnsetType = UNSET


class RotateBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """For so long, both secrets sign."""

    overlap_seconds: OrNull[Overlap] = OVERLAP_SECONDS


class DeliverBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Exactly one of them: the event's id, or its `sequence` as a number."""

    event_id: Name | None = None
    position: Position | None = None


class FilterAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    repository_identifier: str | None
    environment_id: str | None
    category: str | None
    types: tuple[str, ...]


class ConfigAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """Without what may be secret: the values of headers, and parts of the URL."""

    url: str
    method: Method
    headers: dict[str, str]
    filter: FilterAnswer


class WebhookAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`errorCount` is how many attempts have failed since the last success.

    `pendingDeliveries` stops counting at 1,000. Without `retryDelay`, retries follow
    the schedule: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    """

    id: str
    name: str
    event: str
    provider: Provider
    config: ConfigAnswer
    timeout: int
    retry_count: int
    retry_delay: int | None
    ordering: Ordering
    status: WebhookStatus
    last_delivery_at: datetime | None
    error_count: int
    pending_deliveries: int
    created_by: str
    created_at: datetime
    updated_at: datetime


class WebhookCreatedAnswer(WebhookAnswer, frozen=True, kw_only=True, rename="camel"):
    """`secret` is shown this once: what is sent is signed with it."""

    secret: str


class SecretAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`secret` is shown this once; the one before signs as well for a while."""

    secret: str
    previous_valid_until: datetime | None


class TrialAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """What came back: a status and how the answer began, or why there was none."""

    delivered: bool
    status: int | None
    latency_ms: float
    error: str | None
    response_head: str


class DeliverAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """It is sent within moments; `GET .../deliveries` tells what came of it."""

    position: int
    event_id: str
    event_type: str


class ReplayAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """How many events are sent again; `next` is the `from` of the rest, if any."""

    number: int
    next: int | None


class DeliveryAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """One attempt. What `failed` is tried again; what was `givenUp` is not."""

    id: str
    event_id: str
    event_type: str
    position: int
    attempt: int
    outcome: Outcome
    status: int | None
    latency_ms: float
    error: str | None
    response_head: str
    attempted_at: datetime
    next_attempt_at: datetime | None


class DeliveriesAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """Newest first; `next` is the `after` of the page that follows."""

    deliveries: list[DeliveryAnswer]
    next: str | None
