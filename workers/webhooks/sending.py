"""Sends what is due, to each receiver some at once, so that none keeps others waiting.

What came of it is put down many at a time: while one batch is written, the next one
gathers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from domain.decider import Journal, Step
from domain.errors import JournalUnavailable
from domain.event import system
from domain.record import Recorded
from domain.webhook.errors import WebhookNotFound
from domain.webhook.events import Provider, SuspensionReason
from domain.webhook.webhook import SuspendWebhook, stream_of, webhook
from projections.storage.deliveries import Attempt, Claimed, Deliveries
from projections.storage.descriptions import Described, Descriptions
from projections.storage.past import Past, Readable
from workers.outgoing import Outgoing
from workers.webhooks import attempt_metrics
from workers.webhooks.attempts import GONE, attempt_of, send
from workers.webhooks.bodies import Bodies
from workers.webhooks.receivers import Receiver, Receivers
from workers.webhooks.selection import environment_of

log = structlog.get_logger()
NAME = "webhook-sending"
SENDER = system(NAME)
LOOK_EVERY_SECONDS = 0.25
# Of many that end at about the same time, all are replaced by one claim.
CLAIM_EVERY_SECONDS = 0.02
SETTLE_EVERY_SECONDS = 0.02
TRY_AGAIN_SECONDS = 0.5
# Of so many events that cannot be opened, each is logged but once.
CLOSED_MAX = 10_000

# A webhook, and what says where it led when it was tried.
Where = tuple[str, str | None]


@dataclass(frozen=True)
class Parcel:
    """One delivery, with all that it takes."""

    claimed: Claimed
    receiver: Receiver
    record: Recorded
    body: bytes


class Sending:
    def __init__(
        self,
        journal: Journal,
        deliveries: Deliveries,
        past: Past,
        descriptions: Descriptions,
        receivers: Receivers,
        outgoing: Outgoing,
    ) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._past = past
        self._descriptions = descriptions
        self._receivers = receivers
        self._outgoing = outgoing
        self._nudged = asyncio.Event()
        self._ended = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._attempts: list[Attempt] = []
        self._closed: set[int] = set()

    def nudge(self) -> None:
        """Something may be due: look at once."""
        self._nudged.set()

    async def run(self, bodies: Bodies) -> int:
        """Until cancelled; what is being sent then is sent again by others."""
        self._busy = Counter(a.webhook_id for a in self._attempts if not a.is_success)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._settle_forever())
                while True:
                    self._nudged.clear()
                    for parcel in await self._claim(bodies):
                        self._busy[parcel.receiver.id] += 1
                        group.create_task(self._send(parcel))
                    await asyncio.sleep(CLAIM_EVERY_SECONDS)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EVERY_SECONDS):
                            await self._nudged.wait()
        finally:
            with suppress(JournalUnavailable):
                await self._settle()

    async def _claim(self, bodies: Bodies) -> Sequence[Parcel]:
        busy = {of: count for of, count in self._busy.items() if count}
        try:
            claimed = await self._deliveries.claim(busy)
            return await self._packed(claimed, bodies)
        except JournalUnavailable as error:
            # Whatever is being sent goes on; a claim that was made lapses.
            log.warning("nothing to deliver was found", error=str(error))
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return []

    async def _packed(
        self, claimed: Sequence[Claimed], bodies: Bodies
    ) -> Sequence[Parcel]:
        if not claimed:
            return []
        read = await self._past.readable_at({one.position for one in claimed})
        self._note(read)
        records = read.records
        ids = {one.webhook_id for one in claimed}
        receivers = await self._receivers.of(ids, self._journal.now())
        # Of what was deleted a moment ago, nothing is left but the claim, which lapses;
        # so does that of an event which only a newer version of Berth knows, or that
        # cannot be opened here: it keeps nobody else waiting.
        there = [
            (one, receivers[one.webhook_id], records[one.position])
            for one in claimed
            if one.webhook_id in receivers and one.position in records
        ]
        known = await self._described(
            [r for _, to, r in there if to.facts.provider is not Provider.GENERIC]
        )
        return [
            Parcel(
                one,
                to,
                record,
                bodies.of(
                    to.facts.provider, record, known.get(environment_of(record) or "")
                ),
            )
            for one, to, record in there
        ]

    def _note(self, read: Readable) -> None:
        """Log once what cannot be opened: it is claimed again and again."""
        self._closed.difference_update(read.records)
        for position, reason in read.closed.items():
            if position in self._closed:
                continue
            if len(self._closed) >= CLOSED_MAX:
                self._closed.clear()
            self._closed.add(position)
            log.warning("event not delivered", position=position, error=reason)

    async def _described(self, records: Sequence[Recorded]) -> Mapping[str, Described]:
        """The environments that people will read of, as they are called by now."""
        ids = {id_ for record in records if (id_ := environment_of(record))}
        return await self._descriptions.of(ids)

    async def _send(self, parcel: Parcel) -> None:
        claimed, receiver, record = parcel.claimed, parcel.receiver, parcel.record
        now = self._journal.now()
        reply = await send(self._outgoing, receiver, record.id, now, parcel.body)
        attempt = attempt_of(claimed, receiver, record, reply)
        attempt_metrics.count(attempt)
        # A failure keeps its place until it is put down, or many more would be sent
        # before it is known that the receiver fails.
        if attempt.is_success:
            self._busy[receiver.id] -= 1
        self._attempts.append(attempt)
        self._ended.set()
        self._nudged.set()

    async def _settle_forever(self) -> None:
        while True:
            await self._ended.wait()
            self._ended.clear()
            try:
                await self._settle()
            except JournalUnavailable as error:
                log.warning("deliveries not put down", error=str(error))
                self._ended.set()
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            self._nudged.set()
            await asyncio.sleep(SETTLE_EVERY_SECONDS)

    async def _settle(self) -> None:
        """What cannot be put down now is, later; or it is sent again by others."""
        attempts, self._attempts = self._attempts, []
        if not attempts:
            return
        try:
            hopeless = await self._deliveries.settle(attempts)
        except JournalUnavailable:
            self._attempts = attempts + self._attempts
            raise
        self._busy.subtract(a.webhook_id for a in attempts if not a.is_success)
        failed = [one for one in attempts if not one.is_success]
        gone = {_where(one) for one in failed if one.status == GONE}
        failing = {_where(one) for one in failed if one.webhook_id in hopeless}
        await self._suspend(gone, SuspensionReason.GONE)
        await self._suspend(failing - gone, SuspensionReason.FAILING)

    async def _suspend(self, those: set[Where], reason: SuspensionReason) -> None:
        for webhook_id, config_id in those:
            command = SuspendWebhook(by=SENDER, reason=reason, config_id=config_id)
            with suppress(WebhookNotFound):
                done = await self._journal.execute(
                    Step(webhook, stream_of(webhook_id), command)
                )
                if done.events:
                    log.warning("webhook suspended", webhook=webhook_id, reason=reason)


def _where(attempt: Attempt) -> Where:
    return attempt.webhook_id, attempt.config_id
