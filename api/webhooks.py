"""Webhooks: create, look at, change, delete; for owners of the installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from api.auth import allow
from api.deps import AtDesk, Desk, Views
from api.webhook_answers import webhook_answer
from api.webhook_orders import (
    config_after,
    created_of,
    is_active_of,
    revised_of,
    signing_secret,
)
from api.webhook_schemas import (
    RotateBody,
    SecretAnswer,
    WebhookAnswer,
    WebhookBody,
    WebhookCreatedAnswer,
    WebhookPatch,
)
from domain.decider import Step
from domain.errors import DomainError, Unauthenticated
from domain.ids import parse_id
from domain.roles import Role
from domain.webhook.errors import WebhookChanged, WebhookNotFound, WebhooksFull
from domain.webhook.places import (
    FULL,
    STREAM,
    WEBHOOKS_MAX,
    GivePlaceBack,
    TakePlace,
    places,
)
from domain.webhook.webhook import (
    CreateWebhook,
    DeleteWebhook,
    ReviseWebhook,
    RotateSecret,
    Webhook,
    stream_of,
    webhook,
)
from projections.storage.reader import Reader
from projections.webhook_directory import Listed, listed, sql, webhook_directory
from workers.webhooks.receivers import Config, config_of

# All that a list of 500 may make PostgreSQL count.
WAITING_MAX = 1_000
# Of so many who change one webhook at the same moment, each is done in his turn.
TRIES_MAX = 10
Rows = Sequence[Mapping[str, Any]]


class WebhooksController(Controller):
    path = "/webhooks"
    tags = ["Webhooks"]

    @post(guards=[allow(Role.OWNER)], opt={"commits": True}, summary="Create a webhook")
    async def create_webhook(
        self, data: JSONBody[WebhookBody], desk: AtDesk, views: Views
    ) -> WebhookCreatedAnswer:
        """It is told what happens from now on. `secret` is shown this once."""
        webhook_id, config_id, secret_id = (desk.new_id() for _ in range(3))
        created, config = created_of(desk, data, config_id, secret_id)
        secret, vault = signing_secret(desk), desk.services.vault
        if not await desk.is_done():
            await check_room(views)
            await vault.put(config_id, config.text)
            await vault.put(secret_id, secret)
        steps = (
            Step(
                webhook,
                stream_of(webhook_id),
                CreateWebhook(by=desk.actor, created=created),
                fresh=True,
            ),
            Step(places, STREAM, TakePlace(by=desk.actor, webhook_id=webhook_id)),
        )
        await carry_out(desk, *steps, or_forget=(config_id, secret_id))
        [answer] = await shown(desk, [await find(views, webhook_id)])
        fields = answer.__struct_fields__
        return WebhookCreatedAnswer(
            **{name: getattr(answer, name) for name in fields}, secret=secret
        )

    @get(guards=[allow(Role.OWNER)], summary="List webhooks")
    async def list_webhooks(self, desk: AtDesk, views: Views) -> list[WebhookAnswer]:
        """The oldest first."""
        found = await views.read(webhook_directory, sql["list_webhooks"], {"id": None})
        return await shown(desk, found.rows)

    @get("/{webhook_id:str}", guards=[allow(Role.OWNER)], summary="Get a webhook")
    async def get_webhook(
        self, webhook_id: FromPath[str], desk: AtDesk, views: Views
    ) -> WebhookAnswer:
        """Without its secret; values of its headers are not shown either."""
        [answer] = await shown(desk, [await find(views, webhook_id)])
        return answer

    @patch(
        "/{webhook_id:str}",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Change a webhook, suspend it, or resume it",
    )
    async def patch_webhook(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[WebhookPatch],
        desk: AtDesk,
        views: Views,
    ) -> WebhookAnswer:
        """What happens while it is inactive or failed is not sent to it later, unless
        it is replayed; what was waiting before goes on when it is active again.
        """
        for _ in range(TRIES_MAX - 1):
            with suppress(WebhookChanged):  # By somebody else: what it is now counts.
                return await change(desk, views, webhook_id, data)
        return await change(desk, views, webhook_id, data)

    @delete(
        "/{webhook_id:str}",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Delete a webhook, its secret, and what waits for it",
    )
    async def delete_webhook(
        self, webhook_id: FromPath[str], desk: AtDesk, views: Views
    ) -> None:
        """What waits for it is not sent any more; what was sent is not told of."""
        known = listed(await find(views, webhook_id))
        await desk.execute(
            Step(webhook, stream_of(known.id), DeleteWebhook(by=desk.actor)),
            Step(places, STREAM, GivePlaceBack(by=desk.actor, webhook_id=known.id)),
        )
        facts = known.facts
        for secret in (facts.config_id, facts.secret_id, known.previous_secret_id):
            if secret is not None:
                await desk.services.vault.forget(secret)

    @post(
        "/{webhook_id:str}/rotate-secret",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        status_code=200,
        summary="Sign with a new secret, and for a while with both",
    )
    async def rotate_webhook_secret(
        self,
        webhook_id: FromPath[str],
        desk: AtDesk,
        views: Views,
        data: JSONBody[RotateBody | None] = None,
    ) -> SecretAnswer:
        """`secret` is shown this once."""
        overlap = (data or RotateBody()).overlap_seconds
        secret_id, secret = desk.new_id(), signing_secret(desk)
        known, vault = listed(await find(views, webhook_id)), desk.services.vault
        if not await desk.is_done():
            await vault.put(secret_id, secret)
        command = RotateSecret(
            by=desk.actor, secret_id=secret_id, overlap_seconds=overlap
        )
        step = Step(webhook, stream_of(known.id), command)
        state = await carry_out(desk, step, or_forget=(secret_id,))
        if state.facts is None or state.facts.secret_id != secret_id:
            await vault.forget(secret_id)  # Rotated once more meanwhile.
        # Asked once more, `known` is what it was rotated to: that signs for a while.
        before = known.previous_secret_id
        if before is not None and before != state.previous_secret_id:
            await vault.forget(before)
        after = listed(await find(views, known.id))
        return SecretAnswer(secret=secret, previous_valid_until=after.previous_until)


async def change(
    desk: Desk, views: Reader, webhook_id: str, data: WebhookPatch
) -> WebhookAnswer:
    """`WebhookChanged` if somebody else changes it at the same time."""
    known, vault = listed(await find(views, webhook_id)), desk.services.vault
    facts, config = known.facts, await config_in_vault(desk, known)
    after, config_id = config_after(desk, data, facts, config), desk.new_id()
    new = None if after is config else after
    command = ReviseWebhook(
        by=desk.actor,
        revised=revised_of(data, facts, new, config_id),
        based_on=facts,
        is_active=is_active_of(data.status),
    )
    if new is not None:
        await vault.put(config_id, new.text)
    step = Step(webhook, stream_of(known.id), command)
    await carry_out(desk, step, or_forget=() if new is None else (config_id,))
    if new is not None:
        await vault.forget(facts.config_id)
    if command.is_active is True or after.url != config.url:
        await desk.services.webhooks.deliveries.forgive(known.id)
    [answer] = await shown(desk, [await find(views, known.id)])
    return answer


async def check_room(views: Reader) -> None:
    """Before the vault is given anything; who comes at once is told by `places`."""
    found = await views.read(webhook_directory, sql["count_webhooks"], {})
    if found.rows[0]["number"] >= WEBHOOKS_MAX:
        raise WebhooksFull(FULL)


async def carry_out(desk: Desk, *steps: Step, or_forget: Sequence[str]) -> Webhook:
    """The webhook, of which the first step is.

    What the vault was given is forgotten if a command is refused.
    """
    try:
        state: Webhook = (await desk.execute(*steps)).states[0]
    except Unauthenticated:
        raise  # In an earlier attempt it may have been carried out all the same.
    except DomainError:
        for credential_id in or_forget:
            await desk.services.vault.forget(credential_id)
        raise
    return state


async def find(views: Reader, webhook_id: str) -> Mapping[str, Any]:
    """`WebhookNotFound` if there is none."""
    values = {"id": parse_id(webhook_id, "id")}
    found = await views.read(webhook_directory, sql["list_webhooks"], values)
    if not found.rows:
        raise WebhookNotFound("no such webhook")
    return found.rows[0]


async def config_in_vault(desk: Desk, known: Listed) -> Config:
    """With the secrets in it. `WebhookChanged` if it is gone meanwhile."""
    text = await desk.services.vault.get(known.facts.config_id)
    if text is None:  # Deleted, or changed by somebody else, in this very moment.
        raise WebhookChanged("this webhook was changed meanwhile: ask again")
    return config_of(text)


async def shown(desk: Desk, rows: Rows) -> list[WebhookAnswer]:
    """All of them with what the vault and their deliveries say, asked at once."""
    known, services = [listed(row) for row in rows], desk.services
    texts = await services.vault.opened([one.facts.config_id for one in known])
    ids = [one.id for one in known]
    waiting = await services.webhooks.deliveries.waiting(ids, WAITING_MAX)
    configs = {id_: config_of(text) for id_, text in texts.items()}
    return [
        webhook_answer(one, configs.get(one.facts.config_id), row, waiting[one.id])
        for one, row in zip(known, rows, strict=True)
    ]
