"""At most so many webhooks: each has a place, all of them in one stream.

A place is taken in the same append as the webhook is created, and given back in the
same append as it is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from msgspec import Struct

from domain.decider import Decider, Reach
from domain.event import Command, Event
from domain.webhook.errors import WebhooksFull

STREAM = "webhook-places"
WEBHOOKS_MAX = 500
FULL = f"there are {WEBHOOKS_MAX} webhooks, which is the limit"


class WebhookPlaceTaken(Event, frozen=True, tag="webhook_place.taken"):
    """There is one webhook more, of the 500 that there may be."""

    webhook_id: str


class WebhookPlaceGivenBack(Event, frozen=True, tag="webhook_place.given_back"):
    """There is one webhook less."""

    webhook_id: str


WebhookPlaceEvent = WebhookPlaceTaken | WebhookPlaceGivenBack


class TakePlace(Command, frozen=True, kw_only=True):
    webhook_id: str


class GivePlaceBack(Command, frozen=True, kw_only=True):
    webhook_id: str


PlaceCommand = TakePlace | GivePlaceBack


class Places(Struct, frozen=True):
    """The webhooks that have one."""

    taken: tuple[str, ...] = ()


def decide(
    command: PlaceCommand, places: Places, _: datetime
) -> Sequence[WebhookPlaceEvent]:
    webhook_id = command.webhook_id
    has_one = webhook_id in places.taken
    match command:
        case TakePlace():
            if not has_one and len(places.taken) >= WEBHOOKS_MAX:
                raise WebhooksFull(FULL)
            return [] if has_one else [WebhookPlaceTaken(webhook_id)]
        case GivePlaceBack():
            return [WebhookPlaceGivenBack(webhook_id)] if has_one else []
        case _:
            assert_never(command)


def evolve(places: Places, event: WebhookPlaceEvent) -> Places:
    match event:
        case WebhookPlaceTaken(webhook_id=webhook_id):
            return Places((*places.taken, webhook_id))
        case WebhookPlaceGivenBack(webhook_id=webhook_id):
            return Places(tuple(id_ for id_ in places.taken if id_ != webhook_id))
        case _:
            assert_never(event)


def belongs_to(_: PlaceCommand, __: Places) -> Reach:
    """A webhook may be told of every repository."""
    return Reach.INSTALLATION


places = Decider(initial=Places(), decide=decide, evolve=evolve, belongs_to=belongs_to)
