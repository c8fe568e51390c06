"""There are only so many webhooks, whoever creates them and how many at once."""

from __future__ import annotations

from domain.webhook.errors import WebhooksFull
from domain.webhook.places import (
    WEBHOOKS_MAX,
    GivePlaceBack,
    TakePlace,
    WebhookPlaceGivenBack,
    WebhookPlaceTaken,
    places,
)
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

given = Spec(places).given
FULL = [WebhookPlaceTaken(f"w-{number}") for number in range(WEBHOOKS_MAX)]


def take(webhook_id: str) -> TakePlace:
    return TakePlace(by=OWNER, webhook_id=webhook_id)


def give_back(webhook_id: str) -> GivePlaceBack:
    return GivePlaceBack(by=OWNER, webhook_id=webhook_id)


def test_each_webhook_takes_one_place() -> None:
    given().when(take("a"), at(0)).then(WebhookPlaceTaken("a"))
    given(WebhookPlaceTaken("a")).when(take("a"), at(1)).then()


def test_the_last_place_is_taken_and_then_none() -> None:
    given(*FULL[1:]).when(take("a"), at(0)).then(WebhookPlaceTaken("a"))
    given(*FULL).when(take("a"), at(0)).refused(WebhooksFull)
    given(*FULL).when(take("w-0"), at(0)).then()


def test_a_place_that_is_given_back_is_free() -> None:
    given(*FULL).when(give_back("w-7"), at(0)).then(WebhookPlaceGivenBack("w-7"))
    freed = given(*FULL, WebhookPlaceGivenBack("w-7"))
    freed.when(take("a"), at(1)).then(WebhookPlaceTaken("a"))
    freed.given(WebhookPlaceTaken("a")).when(take("b"), at(2)).refused(WebhooksFull)


def test_who_has_none_gives_none_back() -> None:
    """It was created before there were places."""
    given().when(give_back("a"), at(0)).then()
