"""What owners are shown of a webhook: everything but what may be secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from api.webhook_schemas import (
    ConfigAnswer,
    DeliveryAnswer,
    FilterAnswer,
    WebhookAnswer,
)
from domain.webhook.events import Filter, Provider
from domain.webhook.schedule import RETRIES
from domain.webhook.webhook import WebhookStatus
from projections.webhook_directory import Listed
from workers.webhooks.hushed import STARS
from workers.webhooks.receivers import Config


def webhook_answer(
    known: Listed, config: Config | None, health: Mapping[str, Any], waiting: int
) -> WebhookAnswer:
    """Without `config`, whose key is missing here, only where it leads is shown."""
    facts = known.facts
    return WebhookAnswer(
        id=known.id,
        name=facts.name,
        event=facts.pattern,
        provider=facts.provider,
        config=ConfigAnswer(
            url=shown_url(config.url, facts.provider) if config else facts.destination,
            method=facts.method,
            headers=dict.fromkeys(config.headers, STARS) if config else {},
            filter=filter_answer(facts.filter),
        ),
        timeout=facts.timeout_ms,
        retry_count=RETRIES if facts.retry_count is None else facts.retry_count,
        retry_delay=facts.retry_delay_ms,
        ordering=facts.ordering,
        status=WebhookStatus(known.status),
        last_delivery_at=health["last_delivery_at"],
        error_count=health["failures"] or 0,
        pending_deliveries=waiting,
        created_by=known.created_by,
        created_at=known.created_at,
        updated_at=known.updated_at,
    )


def filter_answer(wanted: Filter) -> FilterAnswer:
    return FilterAnswer(
        repository_identifier=wanted.repository,
        environment_id=wanted.environment_id,
        category=wanted.category,
        types=wanted.types,
    )


def shown_url(url: str, provider: Provider) -> str:
    """Those of chats are credentials by their path; others may have one as a query."""
    parts = urlsplit(url)
    if provider is not Provider.GENERIC:
        return f"{parts.scheme}://{parts.netloc}/{STARS}"
    shown = "&".join(map(shown_parameter, parts.query.split("&")))
    return parts._replace(query=shown if parts.query else "").geturl()


def shown_parameter(text: str) -> str:
    """Its name. What has no value is none: it may be a token, padded with `=`."""
    name, _, value = text.partition("=")
    return f"{name}={STARS}" if value.strip("=") else STARS


def destination_of(url: str) -> str:
    """The scheme and host, which are no secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def delivery_answer(row: Mapping[str, Any]) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=str(row["id"]),
        event_id=row["event_id"],
        event_type=row["event_type"],
        position=row["position"],
        attempt=row["attempt"],
        outcome=row["outcome"],
        status=row["status"],
        latency_ms=round(row["latency_ms"], 1),
        error=row["error"],
        response_head=row["head"],
        attempted_at=row["at"],
        next_attempt_at=row["next_at"],
    )
