"""Every way a webhook says no."""

from __future__ import annotations

from domain.errors import Conflict, NotFound


class WebhookNotFound(NotFound):
    """There is no such webhook, or it was deleted."""

    code = "WEBHOOK_NOT_FOUND"


class WebhookChanged(Conflict):
    """Somebody else has changed this webhook meanwhile."""

    code = "WEBHOOK_CHANGED"


class WebhookNotActive(Conflict):
    """Nothing is delivered to a webhook that was suspended."""

    code = "WEBHOOK_NOT_ACTIVE"


class WebhooksFull(Conflict):
    """There are as many webhooks as there may be."""

    code = "TOO_MANY_WEBHOOKS"
