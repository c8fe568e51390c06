"""A webhook: what can be asked of it in each of its states, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.event import Command
from domain.webhook.errors import WebhookChanged, WebhookNotActive, WebhookNotFound
from domain.webhook.events import (
    SuspensionReason,
    WebhookCreated,
    WebhookDeleted,
    WebhookResumed,
    WebhookRevised,
    WebhookSecretRotated,
    WebhookSuspended,
)
from domain.webhook.webhook import (
    CreateWebhook,
    DeleteWebhook,
    ReviseWebhook,
    RotateSecret,
    SuspendWebhook,
    UseWebhook,
    WebhookStatus,
    webhook,
)
from tests.support.builders import OWNER, TIMER, at
from tests.support.spec import Spec

given = Spec(webhook).given
FAILING = WebhookSuspended(SuspensionReason.FAILING)
GONE = WebhookSuspended(SuspensionReason.GONE)
ASKED = WebhookSuspended(SuspensionReason.ASKED)


def created(**facts: Any) -> WebhookCreated:
    values: dict[str, Any] = {
        "name": "chat",
        "pattern": "lock.*",
        "destination": "https://chat.example",
        "config_id": "c1",
        "secret_id": "s1",
    }
    return WebhookCreated(**(values | facts))


def revise(*, is_active: bool | None = None, **facts: Any) -> ReviseWebhook:
    switched: Any = {} if is_active is None else {"is_active": is_active}
    return ReviseWebhook(by=OWNER, revised=WebhookRevised(**facts), **switched)


def rotate(secret_id: str, seconds: int = 60) -> RotateSecret:
    return RotateSecret(by=OWNER, secret_id=secret_id, overlap_seconds=seconds)


def suspend(reason: SuspensionReason, config_id: str | None = None) -> SuspendWebhook:
    return SuspendWebhook(by=TIMER, reason=reason, config_id=config_id)


USE = UseWebhook(by=OWNER)


def test_a_webhook_is_created() -> None:
    given().when(CreateWebhook(by=OWNER, created=created()), at(0)).then(created())


def test_only_what_is_otherwise_is_revised() -> None:
    revision = revise(name="chat", pattern="*", retry_count=None)
    given(created()).when(revision, at(1)).then(WebhookRevised(pattern="*"))
    given(created()).when(revise(name="chat"), at(1)).then()


def test_what_was_revised_is_what_is_compared() -> None:
    past = given(created(), WebhookRevised(name="archive"))
    past.when(revise(name="archive"), at(2)).then()
    past.when(revise(name="chat"), at(2)).then(WebhookRevised(name="chat"))


def test_a_revision_of_what_it_was_before_is_refused() -> None:
    past = given(created(), WebhookRevised(config_id="c2"))
    revision = revise(config_id="c3")
    past.when(replace(revision, based_on=created()), at(2)).refused(WebhookChanged)
    by_now = replace(revision, based_on=created(config_id="c2"))
    past.when(by_now, at(2)).then(WebhookRevised(config_id="c3"))


def test_both_secrets_are_good_for_a_while() -> None:
    past = given(created())
    rotated = WebhookSecretRotated("s2", "s1", at(61))
    past.when(rotate("s2"), at(1)).then(rotated)
    past = past.given(rotated)
    past.when(rotate("s3"), at(2)).then(WebhookSecretRotated("s3", "s2", at(62)))


def test_a_rotation_that_is_carried_out_again_changes_nothing() -> None:
    past = given(created(), WebhookSecretRotated("s2", "s1", at(61)))
    past.when(rotate("s2"), at(5)).then()


@pytest.mark.parametrize("reason", [SuspensionReason.FAILING, SuspensionReason.GONE])
def test_who_does_not_answer_any_more_is_suspended_once(
    reason: SuspensionReason,
) -> None:
    past = given(created())
    past.when(suspend(reason), at(1)).then(WebhookSuspended(reason))
    past.given(WebhookSuspended(reason)).when(suspend(reason), at(2)).then()
    assert past.given(WebhookSuspended(reason)).state.status is WebhookStatus.FAILED


@pytest.mark.parametrize("reason", [SuspensionReason.FAILING, SuspensionReason.GONE])
def test_what_was_found_out_where_it_led_before_is_no_reason(
    reason: SuspensionReason,
) -> None:
    past = given(created(), WebhookRevised(config_id="c2"))
    past.when(suspend(reason, "c1"), at(2)).then()
    past.when(suspend(reason, "c2"), at(2)).then(WebhookSuspended(reason))


@pytest.mark.parametrize("suspended", [FAILING, GONE, ASKED])
def test_it_is_resumed_when_an_owner_says_so(suspended: WebhookSuspended) -> None:
    past = given(created(), suspended)
    past.when(revise(is_active=True), at(2)).then(WebhookResumed())
    assert past.given(WebhookResumed()).state.is_active


def test_what_is_active_is_not_resumed() -> None:
    given(created()).when(revise(is_active=True), at(2)).then()


def test_an_owner_can_make_it_inactive_also_when_it_has_failed() -> None:
    given(created()).when(revise(is_active=False), at(2)).then(ASKED)
    given(created(), FAILING).when(revise(is_active=False), at(2)).then(ASKED)
    given(created(), ASKED).when(revise(is_active=False), at(2)).then()
    given(created(is_active=False)).when(revise(is_active=False), at(2)).then()


def test_it_is_revised_and_resumed_at_once() -> None:
    revision = revise(is_active=True, destination="https://b.example", config_id="c2")
    revised = WebhookRevised(destination="https://b.example", config_id="c2")
    given(created(), GONE).when(revision, at(2)).then(revised, WebhookResumed())


@pytest.mark.parametrize("suspended", [FAILING, ASKED])
def test_what_is_suspended_cannot_be_used(suspended: WebhookSuspended) -> None:
    given(created()).when(USE, at(1)).then()
    past = given(created(), suspended)
    past.when(USE, at(1)).refused(WebhookNotActive, past.state.status)


@pytest.mark.parametrize(
    "command",
    [
        revise(name="x"),
        rotate("s2"),
        suspend(SuspensionReason.GONE),
        USE,
        DeleteWebhook(by=OWNER),
    ],
    ids=lambda command: type(command).__name__,
)
def test_before_it_is_created_and_after_it_is_deleted_there_is_none(
    command: Command,
) -> None:
    given().when(command, at(0)).refused(WebhookNotFound)
    past = given(created(), WebhookDeleted())
    past.when(command, at(9)).refused(WebhookNotFound)


def test_it_is_deleted_whatever_its_state() -> None:
    for past in (given(created()), given(created(), FAILING)):
        past.when(DeleteWebhook(by=OWNER), at(3)).then(WebhookDeleted())
