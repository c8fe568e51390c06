"""What owners do to an installation in the course of its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from domain.decider import Step
from domain.environment.details import RetireEnvironment, ReviseEnvironment
from domain.environment.environment import environment
from domain.environment.events import Category, EnvironmentRevised
from domain.org import STREAM, RemoveOrg, orgs
from domain.project import (
    ChangeEnvironment,
    RegisterProject,
    RemoveEnvironment,
    RetireProject,
    ReviseProject,
    project,
    stream_of,
)
from domain.subject import EraseSubject, subject
from domain.subject import stream_of as stream_of_subject
from domain.token import RevokeToken, token
from domain.token import stream_of as stream_of_token
from domain.webhook.events import (
    Filter,
    Ordering,
    Provider,
    SuspensionReason,
    WebhookCreated,
    WebhookRevised,
)
from domain.webhook.places import STREAM as PLACES
from domain.webhook.places import GivePlaceBack, PlaceCommand, TakePlace, places
from domain.webhook.webhook import (
    CreateWebhook,
    DeleteWebhook,
    ReviseWebhook,
    RotateSecret,
    SuspendWebhook,
    WebhookCommand,
    webhook,
)
from domain.webhook.webhook import stream_of as stream_of_webhook
from tests.support.history.cast import (
    OWNER,
    Cast,
    Place,
    add,
    asking,
    register_org,
)
from tests.support.history.simulation import Process, Simulation


def housekeeping(simulation: Simulation, cast: Cast, every: timedelta) -> Process:
    """One thing after the other, each of which happens once in a history."""
    pause = every.total_seconds()
    place = cast.places[0]
    yield pause
    revise(simulation, place, description="where everybody tries", tags=("eu", "fast"))
    yield pause
    revise(simulation, place, metadata={"region": "eu-west"}, claim_window_seconds=120)
    yield pause
    yield from short_lived(simulation, cast, pause)
    yield from an_org(simulation, pause)
    yield from a_project(simulation, pause)
    yield from a_token(simulation, cast, pause)
    erase_somebody(simulation)


def erase_somebody(simulation: Simulation) -> None:
    """Who has left, and is on record under a digest alone."""
    erased_as, by = "erased:4f1d0a2b9c3e", asking(simulation, OWNER)
    erase = EraseSubject(by=by, erased_as=erased_as, key_id=1)
    simulation.attempt(Step(subject, stream_of_subject(erased_as), erase))


def revise(simulation: Simulation, place: Place, **changed: Any) -> None:
    revised = EnvironmentRevised(**changed)
    by = asking(simulation, OWNER)
    change = ChangeEnvironment(
        by=by,
        environment_id=place.id,
        name=revised.name,
        category=revised.category,
        is_active=revised.is_active,
    )
    simulation.attempt(
        Step(project, stream_of(place.repository), change),
        Step(environment, place.id, ReviseEnvironment(by=by, revised=revised)),
    )


def short_lived(simulation: Simulation, cast: Cast, pause: float) -> Process:
    """An environment that is added, renamed, and deleted; its name is given again."""
    repository = cast.repositories[-1]
    username = "trial@acme.example"
    register_org(simulation, username)
    for name in ("trial", "trial-2"):
        place = Place(simulation.new_id(), name, repository, username)
        add(simulation, place, Category.SNAPSHOT, ())
        yield pause
        revise(simulation, place, name="sandbox", is_active=False, branch=None)
        yield pause
        retire(simulation, place)


def retire(simulation: Simulation, place: Place) -> None:
    by = asking(simulation, OWNER)
    remove = RemoveEnvironment(by=by, environment_id=place.id)
    simulation.attempt(
        Step(environment, place.id, RetireEnvironment(by=by)),
        Step(project, stream_of(place.repository), remove),
    )


def an_org(simulation: Simulation, pause: float) -> Process:
    """Another dev hub takes the default over, and goes."""
    register_org(simulation, "hub-2@acme.example", is_default=True)
    yield pause
    remove = RemoveOrg(by=asking(simulation, OWNER), username="hub-2@acme.example")
    simulation.attempt(Step(orgs, STREAM, remove))


def a_project(simulation: Simulation, pause: float) -> Process:
    """A repository that moves, and is given up."""
    by, stream = asking(simulation, OWNER), stream_of("acme/attic")
    url = "https://github.com/acme/attic"
    register = RegisterProject(by=by, identifier="acme/attic", remote_url=url)
    simulation.attempt(Step(project, stream, register))
    yield pause
    url = "https://gitlab.com/acme/attic"
    moved = ReviseProject(by=by, remote_url=url, configuration={"branches": ["main"]})
    simulation.attempt(Step(project, stream, moved))
    yield pause
    simulation.attempt(Step(project, stream, RetireProject(by=by)))


def a_token(simulation: Simulation, cast: Cast, pause: float) -> Process:
    """The last of the pipelines has its token taken away."""
    yield pause
    token_id = cast.pipelines[-1].token_id
    assert token_id is not None
    revoke = RevokeToken(by=asking(simulation, OWNER))
    simulation.attempt(Step(token, stream_of_token(token_id), revoke))


def a_webhook(simulation: Simulation, cast: Cast, pause: float) -> Process:
    """All that can happen to one."""
    webhook_id = simulation.new_id()
    stream = stream_of_webhook(webhook_id)
    created = WebhookCreated(
        name="locks to the chat",
        pattern="lock.*",
        destination="https://hooks.slack.com",
        config_id=simulation.new_id(),
        secret_id=simulation.new_id(),
        provider=Provider.SLACK,
        filter=Filter(cast.repositories[0], cast.places[0].id, Category.TEST),
        ordering=Ordering.ENVIRONMENT,
    )
    revised = WebhookRevised(name="locks and releases", pattern="*", retry_count=None)
    owner = asking(simulation, OWNER)
    commands: list[WebhookCommand] = [
        CreateWebhook(by=owner, created=created),
        ReviseWebhook(by=owner, revised=revised),
        RotateSecret(by=owner, secret_id=simulation.new_id()),
        SuspendWebhook(by=owner, reason=SuspensionReason.FAILING),
        ReviseWebhook(by=owner, revised=WebhookRevised(), is_active=True),
        DeleteWebhook(by=owner),
    ]
    for command in commands:
        simulation.execute(
            Step(webhook, stream, command), *its_place(command, webhook_id)
        )
        yield pause


def its_place(command: WebhookCommand, webhook_id: str) -> Sequence[Step]:
    """What goes with `command`, in the same append."""
    match command:
        case CreateWebhook(by=by):
            place: PlaceCommand = TakePlace(by=by, webhook_id=webhook_id)
        case DeleteWebhook(by=by):
            place = GivePlaceBack(by=by, webhook_id=webhook_id)
        case _:
            return ()
    return (Step(places, PLACES, place),)
