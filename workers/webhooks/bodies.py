"""What is sent: the event for programs, a message for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from domain.catalog import tag
from domain.outward.cloud_event import cloud_event
from domain.record import Recorded
from domain.webhook.events import Provider
from projections.storage.descriptions import Described
from workers.webhooks.discord import discord
from workers.webhooks.slack import slack
from workers.webhooks.teams import teams
from workers.webhooks.telling import Told, told

REMEMBERED_BYTES_MAX = 16 * 1024 * 1024
TEST_TYPE = "webhook.test"
JSON_HEADERS = {"content-type": "application/json", "user-agent": "Berth-Webhooks/1"}
MESSAGES: Mapping[Provider, Callable[[Told], dict[str, Any]]] = {
    Provider.SLACK: slack,
    Provider.TEAMS: teams,
    Provider.DISCORD: discord,
}

encode = msgspec.json.Encoder().encode


class Attributes(Struct, frozen=True, omit_defaults=True):
    """Those of the CloudEvent, beside its data."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: str
    partitionkey: str
    dataschema: str
    correlationid: str | UnsetType = UNSET


class Payload(Struct, frozen=True, omit_defaults=True):
    """As Standard Webhooks ask for it; `event` has what CloudEvents know besides."""

    type: str
    timestamp: datetime
    data: Raw
    event: Attributes | UnsetType = UNSET


class Bodies:
    """An event is written once, for however many programs it goes to."""

    def __init__(
        self, installation: str, erasures: Callable[[], int] = lambda: 0
    ) -> None:
        """`erasures`: how many are known; what was written before one is forgotten."""
        self._installation = installation
        self._erasures = erasures
        self._written: dict[str, bytes] = {}
        self._bytes = 0
        self._written_after = 0

    def of(
        self, provider: Provider, record: Recorded, details: Described | None
    ) -> bytes:
        """`details` are those of the environment that it is about: for a message."""
        if provider in MESSAGES:
            return encode(MESSAGES[provider](told(record, details)))
        if (erasures := self._erasures()) != self._written_after:
            self._written_after = erasures
            self._forget()
        found = self._written.get(record.id)
        if found is None:
            if self._bytes > REMEMBERED_BYTES_MAX:
                self._forget()
            found = self._written[record.id] = self._write(record)
            self._bytes += len(found)
        return found

    def _forget(self) -> None:
        self._written.clear()
        self._bytes = 0

    def _write(self, record: Recorded) -> bytes:
        event = cloud_event(record, self._installation)
        names = Attributes.__struct_fields__
        attributes = Attributes(**{name: getattr(event, name) for name in names})
        type_ = tag(type(record.event))
        return encode(Payload(type_, event.time, event.data, attributes))


def trial(provider: Provider, webhook_id: str, name: str, at: datetime) -> bytes:
    """For an owner to see whether it arrives, and how it looks."""
    if provider in MESSAGES:
        said = Told("Berth", f"this is a test of the webhook {name}", TEST_TYPE, at)
        return encode(MESSAGES[provider](said))
    data = Raw(encode({"webhookId": webhook_id, "name": name}))
    return encode(Payload(TEST_TYPE, at, data))
