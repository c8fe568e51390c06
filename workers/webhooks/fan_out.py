"""Follows the journal and puts down, for each webhook, what is to be delivered to it.

It knows the webhooks as of its place in the journal, those that changed since from the
journal itself: so each is told of what happened while it was active, however late that
is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

from domain.catalog import tag
from domain.event import Event
from domain.record import Recorded
from domain.webhook.events import WebhookEvent
from domain.webhook.webhook import Webhook, evolve, stream_of, webhook, webhook_in
from domain.webhook.wishes import TAGS
from projections.storage.deliveries import Deliveries, New
from projections.storage.past import Past
from projections.storage.reader import Reader
from projections.webhook_directory import listed, sql, webhook_directory, webhook_of
from workers.webhooks.selection import Selection, Wish, wishes_of

NAME = "webhook-fan-out"
OF_WEBHOOKS: Sequence[type[Event]] = get_args(WebhookEvent)
EVERY_TOPIC: Sequence[str] = sorted(TAGS)


class FanOut:
    def __init__(
        self,
        deliveries: Deliveries,
        past: Past,
        reader: Reader,
        selection: Selection,
        on_new: Callable[[], None],
    ) -> None:
        self._deliveries = deliveries
        self._past = past
        self._reader = reader
        self._selection = selection
        self._on_new = on_new
        self._place: int | None = None
        self._webhooks: dict[str, Webhook] = {}
        self._wishes: Sequence[Wish] = ()
        self._topics = EVERY_TOPIC

    @property
    def is_wanted(self) -> bool:
        """Whether there is anybody to tell."""
        return self._place is None or bool(self._wishes)

    def topics(self) -> Sequence[str]:
        """The types of event that are of interest now; every one until that is known.

        What is not among them is never read, so nothing would tell that it was wanted.
        """
        return EVERY_TOPIC if self._place is None else self._topics

    def forget(self) -> None:
        """Another may have followed the journal meanwhile: look up who is there."""
        self._place = None

    async def hand_on(self, records: Sequence[Recorded]) -> bool:
        """Put down what is wanted of `records`; False if it was known too little."""
        if self._place is None:
            await self._look_up()
        assert self._place is not None
        place = self._place
        news = [record for record in records if record.position > place]
        if not news:
            return True
        self._place = None  # Whatever ends this early: it is looked up again.
        new = await self._wanted(news)
        upto = news[-1].position
        if not await self._deliveries.follow(new, after=place, upto=upto):
            return False  # Somebody else has led meanwhile.
        self._place = upto
        if new:
            self._on_new()
        return True

    async def _wanted(self, records: Sequence[Recorded]) -> Sequence[New]:
        """By the webhooks of the moment of each."""
        new: list[New] = []
        begin = 0
        for end, record in enumerate(records, 1):
            if isinstance(event := record.event, WebhookEvent):
                new += await self._selection.of(self._wishes, records[begin:end])
                begin = end
                self._learn(webhook_in(record.originator_id), event)
                self._note_wishes()
        return [*new, *await self._selection.of(self._wishes, records[begin:])]

    async def _look_up(self) -> None:
        place = await self._deliveries.place()
        found = await self._reader.read(
            webhook_directory, sql["webhooks_about"], {"place": place}
        )
        self._webhooks = {
            row["id"]: webhook_of(listed(row))
            for row in found.rows
            if not row["has_changed"]
        }
        changed = [stream_of(row["id"]) for row in found.rows if row["has_changed"]]
        for record in await self._past.of(changed, OF_WEBHOOKS, place):
            assert isinstance(record.event, WebhookEvent)
            self._learn(webhook_in(record.originator_id), record.event)
        self._note_wishes()
        self._place = place

    def _learn(self, webhook_id: str, event: WebhookEvent) -> None:
        state = self._webhooks.pop(webhook_id, webhook.initial)
        if (after := evolve(state, event)).facts is not None:
            self._webhooks[webhook_id] = after

    def _note_wishes(self) -> None:
        active = {
            webhook_id: state.facts
            for webhook_id, state in self._webhooks.items()
            if state.facts is not None and state.is_active
        }
        self._wishes = wishes_of(active)
        own = frozenset(tag(event) for event in OF_WEBHOOKS)
        self._topics = sorted(own.union(*(wish.tags for wish in self._wishes)))
