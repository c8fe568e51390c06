"""Who is limited to some repositories changes nothing of others, and nothing shared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from msgspec.structs import replace

import domain
from domain.access import EnvironmentRead, RecordAccess, access
from domain.decider import Decider, Look, the_installation
from domain.environment.details import RegisterEnvironment, RetireEnvironment
from domain.environment.environment import environment
from domain.environment.events import Category, EnvironmentRegistered
from domain.environment.lock import RequestLock
from domain.errors import (
    EnvironmentNotFound,
    Forbidden,
    ProjectNotFound,
    Unauthenticated,
)
from domain.event import Actor, Command, Event
from domain.once import CarryOut, RequestCarriedOut, once
from domain.org import OrgRegistered, RegisterOrg, RemoveOrg, RequireOrg, orgs
from domain.project import (
    AddEnvironment,
    RegisterProject,
    RetireProject,
    ReviseProject,
    project,
)
from domain.project_events import ProjectRegistered
from domain.roles import Role
from domain.task.commands import CancelTask, SubmitTask
from domain.task.errors import TaskNotFound
from domain.task.events import Order, Submitter, TaskSubmitted
from domain.task.lifecycle import lifecycle
from domain.task.recurrence import Recurrence
from domain.task.schedule import schedule
from domain.task.schedule_commands import StartSchedule, StopSchedule
from domain.task.schedule_events import ScheduleStarted
from domain.token import IssueToken, RevokeToken, TokenIssued, UseToken, token
from domain.webhook.events import WebhookCreated
from domain.webhook.places import TakePlace, places
from domain.webhook.webhook import (
    CreateWebhook,
    DeleteWebhook,
    UseWebhook,
    webhook,
)
from tests.support.builders import NOON
from tests.support.spec import Spec

ANY: Decider[Any, Any, Any] = Decider(
    initial=None, decide=lambda *_: [], evolve=lambda state, _: state
)
CI = Actor("ci", Role.OWNER, "rule", repositories=frozenset({"acme/shop"}))
SHOP = EnvironmentRegistered("Acme/Shop", "uat", Category.TEST)
BANK = replace(SHOP, repository="acme/bank")
SHOPS = ProjectRegistered("Acme/Shop", "https://github.com/acme/shop", "github", {})
BANKS = replace(SHOPS, identifier="acme/bank")
ORG = OrgRegistered("org", "ada@acme.example", "credential")
ISSUED = TokenIssued("ci", "ab" * 32, NOON.replace(year=2027))
ADD = AddEnvironment(
    by=CI,
    environment_id="e",
    name="uat",
    category=Category.TEST,
    salesforce_username=None,
    is_default=False,
)
BANK_PROJECT = RegisterProject(by=CI, identifier="acme/bank", remote_url="https://a.b")

NOBODYS = Order("sweep", {})
OURS = replace(NOBODYS, repository="Acme/Shop")
THEIRS = replace(NOBODYS, repository="acme/bank")
HOURLY = Recurrence(every_ms=3_600_000, start_at=NOON)
SOMEBODY = Submitter("ci", Role.OWNER, "rule")


def submitted(order: Order) -> TaskSubmitted:
    return TaskSubmitted(order, SOMEBODY, NOON)


def submit(order: Order) -> SubmitTask:
    return SubmitTask(by=CI, order=order)


def began(order: Order) -> ScheduleStarted:
    return ScheduleStarted(order, HOURLY, SOMEBODY, NOON, NOON)


def begin(order: Order) -> StartSchedule:
    return StartSchedule(by=CI, order=order, recurrence=HOURLY, first_id="first")


Asked = tuple[Decider[Any, Any, Any], Sequence[Event], Command]
HOOK = WebhookCreated("hook", "*", "https://a.example", "c", "s")
ALLOWED: dict[str, Asked] = {
    "lock": (environment, [SHOP], RequestLock(by=CI, ticket_id="a")),
    "register": (environment, [], RegisterEnvironment(by=CI, registered=SHOP)),
    "retire": (environment, [SHOP], RetireEnvironment(by=CI)),
    "register its repository": (
        project,
        [],
        replace(BANK_PROJECT, identifier="ACME/shop"),
    ),
    "revise its repository": (project, [SHOPS], ReviseProject(by=CI)),
    "add to its repository": (project, [SHOPS], ADD),
    "require an org": (
        orgs,
        [ORG],
        RequireOrg(by=CI, usernames={"username": ORG.username}),
    ),
    "use a token": (token, [ISSUED], UseToken(by=CI)),
    "submit a task": (lifecycle, [], submit(OURS)),
    "cancel its task": (lifecycle, [submitted(OURS)], CancelTask(by=CI)),
    "begin a schedule": (schedule, [], begin(OURS)),
    "stop its schedule": (schedule, [began(OURS)], StopSchedule(by=CI)),
    "be on record": (
        access,
        [],
        RecordAccess(by=CI, event=EnvironmentRead("e", "acme/bank")),
    ),
    "carry out": (once, [], CarryOut(by=CI, part=0)),
    "look": (orgs, [], Look(by=CI)),
}
REFUSED: dict[str, Asked] = {
    "lock another's": (environment, [BANK], RequestLock(by=CI, ticket_id="a")),
    "register in another": (
        environment,
        [],
        RegisterEnvironment(by=CI, registered=BANK),
    ),
    "retire another's": (environment, [BANK], RetireEnvironment(by=CI)),
    "register another repository": (project, [], BANK_PROJECT),
    "retire another repository": (project, [BANKS], RetireProject(by=CI)),
    "add to another repository": (project, [BANKS], ADD),
    "register an org": (
        orgs,
        [],
        RegisterOrg(by=CI, org_id="o", username="a", credential_id="c"),
    ),
    "remove an org": (orgs, [ORG], RemoveOrg(by=CI, username=ORG.username)),
    "issue a token": (token, [], IssueToken(by=CI, name="t", secret_sha256="")),
    "revoke a token": (token, [ISSUED], RevokeToken(by=CI)),
    "create a webhook": (webhook, [], CreateWebhook(by=CI, created=HOOK)),
    "send to a webhook": (webhook, [HOOK], UseWebhook(by=CI)),
    "delete a webhook": (webhook, [HOOK], DeleteWebhook(by=CI)),
    "take a webhook's place": (places, [], TakePlace(by=CI, webhook_id="w")),
    "submit a task of another": (lifecycle, [], submit(THEIRS)),
    "submit a task of no repository": (lifecycle, [], submit(NOBODYS)),
    "cancel another's task": (lifecycle, [submitted(THEIRS)], CancelTask(by=CI)),
    "cancel a task of none": (lifecycle, [submitted(NOBODYS)], CancelTask(by=CI)),
    "begin a schedule of another": (schedule, [], begin(THEIRS)),
    "begin a schedule of no repository": (schedule, [], begin(NOBODYS)),
    "stop another's schedule": (schedule, [began(THEIRS)], StopSchedule(by=CI)),
    "stop a schedule of none": (schedule, [began(NOBODYS)], StopSchedule(by=CI)),
    "anything nobody thought of": (ANY, [], Command(by=CI)),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_limited_actor_may(name: str) -> None:
    decider, past, command = ALLOWED[name]
    decider.decide(command, decider.fold(past), NOON)


@pytest.mark.parametrize("name", REFUSED)
def test_a_limited_actor_may_not(name: str) -> None:
    decider, past, command = REFUSED[name]
    Spec(decider, past).when(command, NOON).refused(Forbidden)


@pytest.mark.parametrize("name", REFUSED)
def test_nobody_else_is_limited(name: str) -> None:
    decider, past, command = REFUSED[name]
    everywhere = replace(command, by=replace(CI, repositories=None))
    decider.decide(everywhere, decider.fold(past), NOON)


def test_every_decider_says_whose_it_is() -> None:
    """None has to: it would then be closed to limited actors. None should forget."""
    modules = [
        import_module(module.name)
        for module in walk_packages(domain.__path__, f"{domain.__name__}.")
    ]
    deciders = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Decider)
    }
    assert {"domain.token.token", "domain.project.project"} <= deciders.keys()
    silent = [n for n, d in deciders.items() if d.belongs_to is the_installation]
    assert silent == []


def test_what_is_not_there_is_not_found() -> None:
    lock = RequestLock(by=CI, ticket_id="a")
    Spec(environment).when(lock, NOON).refused(EnvironmentNotFound)
    Spec(project).when(RetireProject(by=CI), NOON).refused(ProjectNotFound)
    Spec(lifecycle).when(CancelTask(by=CI), NOON).refused(TaskNotFound)
    Spec(schedule).when(StopSchedule(by=CI), NOON).refused(TaskNotFound)


def test_a_look_changes_nothing_in_any_stream() -> None:
    for decider, past, _ in [*ALLOWED.values(), *REFUSED.values()]:
        Spec(decider, past).when(Look(by=CI), NOON).then()


def test_a_request_is_carried_out_once_in_each_part() -> None:
    Spec(once).when(CarryOut(by=CI, part=0), NOON).then(RequestCarriedOut(0))
    done = Spec(once, [RequestCarriedOut(0)])
    done.when(CarryOut(by=CI, part=1), NOON).then(RequestCarriedOut(1))
    with pytest.raises(Exception, match="taken effect already"):
        once.decide(CarryOut(by=CI, part=0), done.state, NOON)


def test_an_org_is_not_registered_twice_by_one_command() -> None:
    command = RegisterOrg(
        by=replace(CI, repositories=None),
        org_id="org",
        username=ORG.username,
        credential_id=ORG.credential_id,
    )
    Spec(orgs, [ORG]).when(command, NOON).then()


def test_whose_token_has_run_out_decides_nothing() -> None:
    """Also when it was good while its call began to wait."""
    late = replace(CI, repositories=None, good_until=NOON)
    command = RequestLock(by=late, ticket_id="t")
    state = environment.fold([SHOP])
    with pytest.raises(Unauthenticated):
        environment.decide(command, state, NOON)
    assert environment.decide(command, state, NOON - timedelta(microseconds=1))
