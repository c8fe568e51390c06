"""One webhook: created, revised, suspended and resumed, its secret rotated, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from domain.decider import Decider, Reach
from domain.event import Command
from domain.webhook.errors import WebhookChanged, WebhookNotActive, WebhookNotFound
from domain.webhook.events import (
    SuspensionReason,
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
    WebhookResumed,
    WebhookRevised,
    WebhookSecretRotated,
    WebhookSuspended,
)

STREAMS = "webhooks/"
OVERLAP_SECONDS = 86_400
OVERLAP_SECONDS_MAX = 7 * 86_400


class WebhookStatus(StrEnum):
    """An owner made it `inactive`; it `failed` for as long as we were ready to wait."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILED = "failed"


class CreateWebhook(Command, frozen=True, kw_only=True):
    created: WebhookCreated


class ReviseWebhook(Command, frozen=True, kw_only=True):
    """`is_active` resumes or suspends it as well.

    `based_on` is what the webhook was when this was made of it, if that matters.
    """

    revised: WebhookRevised
    based_on: WebhookCreated | None = None
    is_active: bool | UnsetType = UNSET


class RotateSecret(Command, frozen=True, kw_only=True):
    secret_id: str
    overlap_seconds: int = OVERLAP_SECONDS


class SuspendWebhook(Command, frozen=True, kw_only=True):
    """It has been gone, or failing for too long: where `config_id` leads, if given."""

    reason: SuspensionReason
    config_id: str | None = None


class UseWebhook(Command, frozen=True, kw_only=True):
    """Appends nothing; refuses when nothing may be sent there now."""


class DeleteWebhook(Command, frozen=True, kw_only=True):
    pass


WebhookCommand = (
    CreateWebhook
    | ReviseWebhook
    | RotateSecret
    | SuspendWebhook
    | UseWebhook
    | DeleteWebhook
)


class Webhook(Struct, frozen=True):
    """`facts` are those of its creation with all revisions; None before and after."""

    facts: WebhookCreated | None = None
    status: WebhookStatus = WebhookStatus.ACTIVE
    previous_secret_id: str | None = None

    @property
    def is_active(self) -> bool:
        return self.facts is not None and self.status is WebhookStatus.ACTIVE


def stream_of(webhook_id: str) -> str:
    return f"{STREAMS}{webhook_id}"


def webhook_in(stream: str) -> str:
    return stream.removeprefix(STREAMS)


def decide(
    command: WebhookCommand, webhook: Webhook, at: datetime
) -> Sequence[WebhookEvent]:
    """`WebhookNotFound`; `WebhookNotActive` if it is used and suspended."""
    if isinstance(command, CreateWebhook):
        return [command.created]
    facts = webhook.facts
    if facts is None:
        raise WebhookNotFound("no such webhook")
    match command:
        case ReviseWebhook():
            return [*revise(command, facts), *switch(command, webhook)]
        case RotateSecret():
            if command.secret_id == facts.secret_id:
                return []  # Rotated by this very command: nothing to append.
            until = at + timedelta(seconds=command.overlap_seconds)
            return [WebhookSecretRotated(command.secret_id, facts.secret_id, until)]
        case SuspendWebhook():
            return suspend(command, facts) if webhook.is_active else []
        case UseWebhook():
            if not webhook.is_active:
                raise WebhookNotActive(f"this webhook is {webhook.status}")
            return []
        case DeleteWebhook():
            return [WebhookDeleted()]
        case _:
            assert_never(command)


def revise(command: ReviseWebhook, facts: WebhookCreated) -> Sequence[WebhookEvent]:
    """What is as it was is no revision. `WebhookChanged` if `based_on` another."""
    if command.based_on not in (None, facts):
        raise WebhookChanged("this webhook was changed meanwhile: ask again")
    changed = {
        name: value
        for name, value in given(command.revised).items()
        if value != getattr(facts, name)
    }
    return [WebhookRevised(**changed)] if changed else []


def suspend(command: SuspendWebhook, facts: WebhookCreated) -> Sequence[WebhookEvent]:
    """How a receiver was says nothing of the one where it leads by now."""
    is_elsewhere = command.config_id not in (None, facts.config_id)
    return [] if is_elsewhere else [WebhookSuspended(command.reason)]


def switch(command: ReviseWebhook, webhook: Webhook) -> Sequence[WebhookEvent]:
    if command.is_active is True and not webhook.is_active:
        return [WebhookResumed()]
    if command.is_active is False and webhook.status is not WebhookStatus.INACTIVE:
        return [WebhookSuspended(SuspensionReason.ASKED)]
    return []


def given(revised: WebhookRevised) -> dict[str, Any]:
    """What is set."""
    facts = asdict(revised).items()
    return {name: value for name, value in facts if not isinstance(value, UnsetType)}


def evolve(webhook: Webhook, event: WebhookEvent) -> Webhook:
    match event:
        case WebhookCreated(is_active=is_active):
            status = WebhookStatus.ACTIVE if is_active else WebhookStatus.INACTIVE
            return Webhook(event, status)
        case WebhookSuspended(reason=reason):
            return replace(webhook, status=status_after(reason))
        case WebhookResumed():
            return replace(webhook, status=WebhookStatus.ACTIVE)
        case WebhookDeleted():
            return Webhook()
        case WebhookRevised() | WebhookSecretRotated():
            assert webhook.facts is not None, "it was created before"
            if isinstance(event, WebhookRevised):
                return replace(webhook, facts=replace(webhook.facts, **given(event)))
            return replace(
                webhook,
                facts=replace(webhook.facts, secret_id=event.secret_id),
                previous_secret_id=event.previous_secret_id,
            )
        case _:
            assert_never(event)


def status_after(reason: SuspensionReason) -> WebhookStatus:
    is_asked = reason is SuspensionReason.ASKED
    return WebhookStatus.INACTIVE if is_asked else WebhookStatus.FAILED


def belongs_to(_: WebhookCommand, __: Webhook) -> Reach:
    """It may be told of every repository."""
    return Reach.INSTALLATION


webhook = Decider(
    initial=Webhook(), decide=decide, evolve=evolve, belongs_to=belongs_to
)
