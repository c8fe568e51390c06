"""What was sent to a webhook, and what is to be sent to it now or once more."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api.auth import allow
from api.deps import AtDesk, Desk, Views
from api.page_limit import page_limit
from api.webhook_answers import delivery_answer
from api.webhook_schemas import (
    POSITION_MAX,
    DeliverAnswer,
    DeliverBody,
    DeliveriesAnswer,
    ReplayAnswer,
    TrialAnswer,
)
from api.webhooks import find
from domain.catalog import tag
from domain.decider import Step
from domain.errors import EventNotFound, Invalid
from domain.ids import parse_id
from domain.roles import Role
from domain.webhook.errors import WebhookNotFound
from domain.webhook.webhook import UseWebhook, stream_of, webhook
from projections.storage.deliveries import New, Outcome
from projections.storage.delivery_log import NEWEST
from projections.webhook_directory import listed
from workers.webhooks.attempts import send
from workers.webhooks.bodies import trial
from workers.webhooks.selection import Wish

REPLAYED_MAX = 10_000
DIGITS_MAX = 18
LIMIT_MAX = 200
Limit = Annotated[int, page_limit(LIMIT_MAX)]
After = Annotated[
    str | None, QueryParameter(name="after", description="The page before: its `next`")
]
OutcomeFilter = Annotated[Outcome | None, QueryParameter(name="outcome")]
From = Annotated[
    int,
    QueryParameter(
        name="from",
        ge=1,
        le=POSITION_MAX,
        description="The first position: the `sequence` of an event, as a number",
    ),
]
To = Annotated[
    int | None,
    QueryParameter(
        name="to", ge=1, le=POSITION_MAX, description="The last; else that of now"
    ),
]


class WebhookDeliveriesController(Controller):
    path = "/webhooks/{webhook_id:str}"
    tags = ["Webhooks"]

    @get("/deliveries", guards=[allow(Role.OWNER)], summary="What came of attempts")
    async def list_webhook_deliveries(
        self,
        webhook_id: FromPath[str],
        desk: AtDesk,
        views: Views,
        outcome: OutcomeFilter = None,
        limit: Limit = 50,
        after: After = None,
    ) -> DeliveriesAnswer:
        """Newest first, as long as they are kept."""
        limit = min(limit, LIMIT_MAX)
        known = listed(await find(views, webhook_id))
        rows = await desk.services.webhooks.log.of(
            known.id, limit=limit + 1, before=before(after), outcome=outcome
        )
        shown = [delivery_answer(row) for row in rows[:limit]]
        return DeliveriesAnswer(
            deliveries=shown, next=shown[-1].id if len(rows) > limit else None
        )

    @post(
        "/test",
        guards=[allow(Role.OWNER)],
        status_code=200,
        summary="Send a test, and tell what came back",
    )
    async def test_webhook(
        self, webhook_id: FromPath[str], desk: AtDesk, views: Views
    ) -> TrialAnswer:
        """Also one that is suspended. It is of the type webhook.test, and no event."""
        known = listed(await find(views, webhook_id))
        hooks, now = desk.services.webhooks, desk.journal.now()
        receiver = await hooks.receivers.receiver(known, now)
        if receiver is None:
            raise WebhookNotFound("no such webhook")
        facts = receiver.facts
        body = trial(facts.provider, known.id, facts.name, now)
        reply = await send(hooks.outgoing, receiver, desk.new_id(), now, body)
        return TrialAnswer(
            delivered=reply.is_success,
            status=reply.status,
            latency_ms=round(reply.latency_ms, 1),
            error=reply.error,
            response_head=reply.head,
        )

    @post(
        "/deliver",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        status_code=202,
        summary="Send one event, now, whether it was sent or not",
    )
    async def deliver_event(
        self,
        webhook_id: FromPath[str],
        data: JSONBody[DeliverBody],
        desk: AtDesk,
    ) -> DeliverAnswer:
        """Whatever its filter says. 409 if the webhook is not active."""
        check_named(data)
        wish = await usable(desk, webhook_id)
        hooks = desk.services.webhooks
        position = await position_of(desk, data)
        record = (await hooks.past.at([position])).get(position)
        if record is None:
            raise EventNotFound("no such event")
        await hooks.deliveries.put_again([hooks.selection.new(wish, record)])
        hooks.sending.nudge()
        return DeliverAnswer(
            position=position, event_id=record.id, event_type=tag(type(record.event))
        )

    @post(
        "/replay",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        status_code=202,
        summary="Send once more what is wanted of a range of the journal",
    )
    async def replay_events(
        self,
        webhook_id: FromPath[str],
        desk: AtDesk,
        from_: From,
        to: To = None,
    ) -> ReplayAnswer:
        """At most 10,000 positions at a time: `next` tells where to go on.

        409 if the webhook is not active.
        """
        if to is not None and to < from_:
            raise Invalid("to must not be before from", field="to")
        wish = await usable(desk, webhook_id)
        hooks = desk.services.webhooks
        tip = await hooks.past.tip()
        end = tip if to is None else min(to, tip)
        upto = min(end, from_ + REPLAYED_MAX - 1)
        new: list[New] = []
        async for records in hooks.past.between(from_, upto, wish.tags):
            new += await hooks.selection.of([wish], records)
        await hooks.deliveries.put_again(new)
        hooks.sending.nudge()
        return ReplayAnswer(number=len(new), next=upto + 1 if upto < end else None)


async def usable(desk: Desk, webhook_id: str) -> Wish:
    """What it wants; a refusal if there is no such webhook, or it is not active."""
    its_id = parse_id(webhook_id, "id")
    step = Step(webhook, stream_of(its_id), UseWebhook(by=desk.actor))
    state = (await desk.execute(step)).states[0]
    if state.facts is None:  # Deleted since the request was first carried out.
        raise WebhookNotFound("no such webhook")
    return Wish(its_id, state.facts)


def check_named(data: DeliverBody) -> None:
    """`Invalid` unless just one of them is given."""
    if (data.event_id is None) == (data.position is None):
        raise Invalid("give either eventId or position", field="eventId")
    if data.event_id is not None:
        parse_id(data.event_id, "eventId")


async def position_of(desk: Desk, data: DeliverBody) -> int:
    """`EventNotFound` if there is none of this id; a position is taken as it is."""
    if data.position is not None:
        return data.position
    event_id = parse_id(data.event_id or "", "eventId")
    position = await desk.services.webhooks.past.find(event_id)
    if position is None:
        raise EventNotFound("no such event")
    return position


def before(after: str | None) -> int:
    """The id that `next` of a page has told."""
    if after is None:
        return NEWEST
    if after.isascii() and after.isdecimal() and len(after) <= DIGITS_MAX:
        return int(after)
    raise Invalid("after must be the next of a page before", field="after")
