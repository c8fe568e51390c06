"""One example of each event of a webhook."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.environment.events import Category
from domain.webhook.events import (
    Filter,
    Method,
    Ordering,
    Provider,
    SuspensionReason,
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
    WebhookResumed,
    WebhookRevised,
    WebhookSecretRotated,
    WebhookSuspended,
)
from domain.webhook.places import (
    WebhookPlaceEvent,
    WebhookPlaceGivenBack,
    WebhookPlaceTaken,
)

ENVIRONMENT = "3f0c3e6e-6f0b-4a55-9a43-0d8f6d0a5a01"
FILTER = Filter("acme/shop", ENVIRONMENT, Category.TEST, ("lock.acquired", "release.*"))
CONFIG = "c0a1b2c3-4d5e-4f60-8a7b-9c0d1e2f3a08"
SECRET = "d1b2c3d4-5e6f-4071-9b8c-0d1e2f3a4b09"
OTHER_SECRET = "e2c3d4e5-6f70-4182-8c9d-1e2f3a4b5c10"

WEBHOOK = "f3d4e5f6-7081-4293-8dae-1f2a3b4c5d11"

WEBHOOKS: list[WebhookEvent | WebhookPlaceEvent] = [
    WebhookCreated(
        name="locks to the chat",
        pattern="lock.*",
        destination="https://hooks.slack.com",
        config_id=CONFIG,
        secret_id=SECRET,
        provider=Provider.SLACK,
        method=Method.PUT,
        filter=FILTER,
        ordering=Ordering.ENVIRONMENT,
        timeout_ms=5_000,
        retry_count=3,
        retry_delay_ms=1_000,
        is_active=False,
    ),
    WebhookRevised(
        name="everything to the archive",
        pattern="*",
        destination="https://archive.acme.example:8443",
        config_id=CONFIG,
        provider=Provider.GENERIC,
        method=Method.POST,
        filter=Filter(),
        timeout_ms=10_000,
        retry_count=None,
        retry_delay_ms=None,
    ),
    WebhookSecretRotated(
        secret_id=OTHER_SECRET,
        previous_secret_id=SECRET,
        previous_until=datetime(2026, 1, 2, 12, tzinfo=UTC),
    ),
    WebhookSuspended(reason=SuspensionReason.FAILING),
    WebhookResumed(),
    WebhookDeleted(),
    WebhookPlaceTaken(webhook_id=WEBHOOK),
    WebhookPlaceGivenBack(webhook_id=WEBHOOK),
]
