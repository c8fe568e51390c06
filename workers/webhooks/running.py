"""What every worker process runs so that webhooks are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.decider import Journal
from domain.webhook.webhook import STREAMS
from projections.storage.belongings import Belongings
from projections.storage.database import Database
from projections.storage.deliveries import Deliveries
from projections.storage.delivery_log import DeliveryLog
from projections.storage.descriptions import Descriptions
from projections.storage.installation import installation_id
from projections.storage.past import Past
from projections.storage.reader import Reader
from projections.storage.tail import Tail
from projections.storage.vault import Vault
from workers.loop import run_forever
from workers.outgoing import Outgoing
from workers.webhooks import fan_out, sending
from workers.webhooks.bodies import Bodies
from workers.webhooks.fan_out import FanOut
from workers.webhooks.receivers import Receivers
from workers.webhooks.selection import Selection
from workers.webhooks.sending import Sending

RETRY_EVERY_SECONDS = 0.5
SWEEP_EVERY_SECONDS = 60


@dataclass(frozen=True)
class Webhooks:
    """Those of one process; its handlers use it, too."""

    database: Database
    outgoing: Outgoing
    deliveries: Deliveries
    log: DeliveryLog
    past: Past
    selection: Selection
    receivers: Receivers
    sending: Sending
    fan_out: FanOut
    tail: Tail

    def nudge(self, streams: Iterable[str]) -> None:
        """Something happened to these: some webhook may want to know."""
        if self.fan_out.is_wanted or any(one.startswith(STREAMS) for one in streams):
            self.tail.nudge()

    def loops(self) -> Sequence[Any]:
        return (
            run_forever(fan_out.NAME, self.tail.run, RETRY_EVERY_SECONDS),
            run_forever(sending.NAME, self._send, RETRY_EVERY_SECONDS),
            run_forever("webhook-sweep", self.deliveries.sweep, SWEEP_EVERY_SECONDS),
        )

    async def close(self) -> None:
        await self.outgoing.close()
        self.database.close()

    async def _send(self) -> int:
        subjects, here = self.database.subjects, await installation_id(self.database)
        erasures = (lambda: subjects.erasures) if subjects else (lambda: 0)
        return await self.sending.run(Bodies(here, erasures))


def webhooks(
    database: Database,
    journal: Journal,
    reader: Reader,
    vault: Vault,
    outgoing: Outgoing,
) -> Webhooks:
    """`database` is theirs alone."""
    deliveries, past = Deliveries(database), Past(database)
    descriptions = Descriptions(database)
    selection = Selection(descriptions, Belongings(database))
    receivers = Receivers(reader, vault)
    sender = Sending(journal, deliveries, past, descriptions, receivers, outgoing)
    following = FanOut(deliveries, past, reader, selection, sender.nudge)
    tail = Tail(
        database,
        fan_out.NAME,
        following.topics,
        following.hand_on,
        turns=fan_out.OF_WEBHOOKS,
        when_leading=following.forget,
    )
    return Webhooks(
        database,
        outgoing,
        deliveries,
        DeliveryLog(database),
        past,
        selection,
        receivers,
        sender,
        following,
        tail,
    )
