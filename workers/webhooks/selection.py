"""Which events are for which webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from domain.catalog import tag
from domain.outward.belonging import NOBODYS, Belonging
from domain.outward.subject import NONE, subject_of
from domain.record import Recorded
from domain.webhook.events import Ordering, WebhookCreated
from domain.webhook.wishes import About, wanted_tags, wants
from projections.storage.belongings import Belongings
from projections.storage.deliveries import New
from projections.storage.descriptions import Described, Descriptions
from projections.storage.threads import in_thread


@dataclass(frozen=True)
class Wish:
    """What one webhook wants."""

    webhook_id: str
    facts: WebhookCreated

    @cached_property
    def tags(self) -> frozenset[str]:
        return wanted_tags(self.facts)


@dataclass(frozen=True)
class Selection:
    descriptions: Descriptions
    belongings: Belongings

    async def of(
        self, wishes: Sequence[Wish], records: Sequence[Recorded]
    ) -> Sequence[New]:
        """One for each event and each of `wishes` that it fulfils.

        The category of an environment is the one that it has after `records`.
        """
        tags = frozenset().union(*(wish.tags for wish in wishes))
        wanted = [r for r in records if tag(type(r.event)) in tags]
        if not wanted:
            return []
        abouts = await self._abouts(wishes, wanted)
        return [
            self.new(wish, record)
            for record, about in zip(wanted, abouts, strict=True)
            for wish in wishes
            if tag(type(record.event)) in wish.tags and wants(wish.facts.filter, about)
        ]

    def new(self, wish: Wish, record: Recorded) -> New:
        """The event for the webhook, whether it is wanted or not."""
        is_ordered = wish.facts.ordering is not Ordering.NONE
        subject = subject_of(record).path if is_ordered else None
        return New(wish.webhook_id, record.position, subject)

    async def _abouts(
        self, wishes: Sequence[Wish], records: Sequence[Recorded]
    ) -> Sequence[About]:
        """As much as any of `wishes` asks about."""
        filters = [wish.facts.filter for wish in wishes]
        whose: Sequence[Belonging] = [NOBODYS] * len(records)
        if any(wanted.repository for wanted in filters):
            whose = await in_thread(self.belongings.of, records)
        ids = [environment_of(record) for record in records]
        known: Mapping[str, Described] = {}
        if any(wanted.category for wanted in filters):
            upto = records[-1].position
            known = await self.descriptions.of({id_ for id_ in ids if id_}, upto)
        return [
            About(
                belonging.repository,
                id_,
                known[id_].category if id_ and id_ in known else None,
            )
            for id_, belonging in zip(ids, whose, strict=True)
        ]


def environment_of(record: Recorded) -> str | None:
    """The id of the one that the event is about, if it is about one."""
    subject = subject_of(record)
    return subject.id if subject.kind == "environment" and subject.id != NONE else None


def wishes_of(webhooks: Mapping[str, WebhookCreated]) -> Sequence[Wish]:
    return [Wish(webhook_id, facts) for webhook_id, facts in webhooks.items()]
