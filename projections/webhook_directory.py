"""The webhooks as they are now; where they lead and what signs is in the vault.

They change rarely and few events concern them, so each event is one write, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never, get_args

from msgspec import Struct, convert, to_builtins

from domain.record import Recorded
from domain.webhook.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
    WebhookResumed,
    WebhookRevised,
    WebhookSecretRotated,
    WebhookSuspended,
)
from domain.webhook.webhook import (
    Webhook,
    WebhookStatus,
    evolve,
    status_after,
    webhook,
)
from domain.webhook.webhook import webhook_in as id_in
from projections.queries import load
from projections.view import View, Write

sql = load("webhook_directory")
DELETED = "deleted"


class Listed(Struct, frozen=True):
    """One webhook, as the view has it. `status` may also be deleted."""

    id: str
    status: str
    facts: WebhookCreated
    previous_secret_id: str | None
    previous_until: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    def secret_ids(self, at: datetime) -> Sequence[str]:
        """Of those that sign at `at`, the newest first."""
        before, until = self.previous_secret_id, self.previous_until
        is_good = before is not None and until is not None and at < until
        return [self.facts.secret_id, *([before] if is_good and before else ())]


def listed(row: Mapping[str, Any]) -> Listed:
    return convert(row, Listed)


def webhook_of(known: Listed) -> Webhook:
    """As the rules know it; it must not be deleted."""
    status = WebhookStatus(known.status)
    return Webhook(known.facts, status, known.previous_secret_id)


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    for record in records:
        if isinstance(event := record.event, WebhookEvent):
            yield write(record, event)


def write(record: Recorded, event: WebhookEvent) -> Write:
    at = record.origin.at
    row = {"id": id_in(record.originator_id), "at": at}
    if isinstance(event, WebhookCreated):
        status = evolve(webhook.initial, event).status
        new = {"status": status, "facts": facts_of(event), "by": record.origin.by}
        return sql["add_webhooks"], [row | new]
    return sql["change_webhooks"], [row | change(event, at)]


def change(event: WebhookEvent, at: datetime) -> dict[str, Any]:
    match event:
        case WebhookCreated() | WebhookRevised():
            return {"facts": facts_of(event)}
        case WebhookSecretRotated():
            return {
                "facts": {"secret_id": event.secret_id},
                "previous_secret_id": event.previous_secret_id,
                "previous_until": event.previous_until,
            }
        case WebhookSuspended(reason=reason):
            return {"status": status_after(reason)}
        case WebhookResumed():
            return {"status": WebhookStatus.ACTIVE, "active_since": at}
        case WebhookDeleted():
            return {"status": DELETED}
        case _:
            assert_never(event)


def facts_of(event: WebhookCreated | WebhookRevised) -> dict[str, Any]:
    """What is set of it."""
    facts: dict[str, Any] = to_builtins(event)
    del facts["type"]
    return facts


webhook_directory = View(
    "webhook_directory",
    ("webhook",),
    project,
    get_args(WebhookEvent),
    erase=(sql["erase_webhooks"],),
)
