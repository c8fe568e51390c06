"""Nobody sees more of the events than the routes would tell him."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.access import AccessRefused
from domain.catalog import tag
from domain.event import Actor, Event
from domain.outward.belonging import NOBODYS, Belonging, said_by, told_by
from domain.outward.sight import may_see
from domain.roles import Role
from domain.task.events import Submitter
from tests.golden.examples import ENVIRONMENT, EXAMPLES, recorded

SHOP = frozenset({"acme/shop"})
BANK = frozenset({"acme/bank"})
OWNER, MEMBER = Actor("olga", Role.OWNER), Actor("mia", Role.MEMBER)
CI = Actor("ci", Role.APPLICATION, application="ci")
EVERYBODY = [OWNER, MEMBER, CI, replace(OWNER, repositories=SHOP)]
OF_THE_INSTALLATION = (
    "token.",
    "task_key.",
    "request.",
    "webhook.",
    "webhook_place.",
    "subject.",
)
OF_A_TASK = ("task.", "schedule.")
CIS = Belonging("acme/shop", Submitter("ci", Role.APPLICATION, "ci"))
CIS_OWN = replace(CIS, repository=None)
REFUSED = AccessRefused(ENVIRONMENT, 403, "PUT", "/sfp/api/environments", "no")


def of(*families: str) -> list[Event]:
    return [event for event in EXAMPLES if tag(type(event)).startswith(families)]


def ids(event: Event) -> str:
    return tag(type(event))


OTHERS = [
    event
    for event in EXAMPLES
    if event not in of(*OF_THE_INSTALLATION, *OF_A_TASK, "access.refused")
]


@pytest.mark.parametrize("event", OTHERS, ids=ids)
def test_what_is_about_environments_is_for_everybody(event: Event) -> None:
    assert all(may_see(actor, event, Belonging("acme/shop")) for actor in EVERYBODY)


@pytest.mark.parametrize("event", of(*OF_THE_INSTALLATION), ids=ids)
def test_what_is_of_the_installation_is_for_its_owners(event: Event) -> None:
    """Not for those of some repositories, whoever they are there."""
    seen = [may_see(actor, event, NOBODYS) for actor in EVERYBODY]
    assert seen == [True, False, False, False]


@pytest.mark.parametrize("event", of(*OF_A_TASK), ids=ids)
@pytest.mark.parametrize(
    ("actor", "whose", "sees"),
    [
        (OWNER, CIS, True),
        (OWNER, CIS_OWN, True),
        (OWNER, NOBODYS, True),
        (replace(OWNER, repositories=SHOP), CIS, True),
        (replace(OWNER, repositories=BANK), CIS, False),
        (replace(OWNER, repositories=SHOP), CIS_OWN, False),
        (CI, CIS, True),
        (CI, CIS_OWN, True),
        (CI, NOBODYS, False),
        (replace(CI, role=Role.MEMBER), CIS, True),
        (replace(CI, repositories=SHOP), CIS, True),
        (replace(CI, repositories=BANK), CIS, False),
        (replace(CI, repositories=SHOP), CIS_OWN, False),
        (replace(CI, application=None), CIS, False),
        (replace(CI, application="other"), CIS, False),
        (replace(CI, id="other"), CIS, False),
        (MEMBER, CIS, False),
    ],
)
def test_what_is_of_a_task_is_for_its_submitter_and_for_owners(
    event: Event, actor: Actor, whose: Belonging, *, sees: bool
) -> None:
    """Each within the reach of the token that he comes with."""
    assert may_see(actor, event, whose) is sees


def test_a_refusal_is_for_everybody_where_the_audit_tells_it() -> None:
    assert all(may_see(a, REFUSED, Belonging("acme/shop")) for a in EVERYBODY)


def test_a_refusal_that_concerned_no_environment_is_for_owners() -> None:
    """Nor one that concerned an id which nobody has ever given."""
    for event in REFUSED, replace(REFUSED, environment_id=None):
        seen = [may_see(actor, event, NOBODYS) for actor in EVERYBODY]
        assert seen == [True, False, False, False]


def test_an_event_says_itself_whose_it_is_or_its_streams_first_does() -> None:
    known = {tag(type(e)): said_by(e) for e in EXAMPLES if said_by(e) is not None}
    assert {name: whose.repository for name, whose in known.items() if whose} == {
        "environment.registered": "acme/shop",
        "project.registered": "acme/shop",
        "release.published": "acme/shop",
        "review.environment_chosen": "acme/shop",
        "access.read": "acme/shop",
        "access.credentials_read": "acme/shop",
        "access.front_door_opened": "acme/shop",
        "task.submitted": "acme/shop",
        "schedule.started": "acme/shop",
    }
    submitted = [whose for whose in known.values() if whose and whose.submitter]
    assert {whose.submitter.id for whose in submitted if whose.submitter} == {"ci"}


def test_a_refusal_is_its_environments() -> None:
    refusal = replace(recorded(REFUSED), originator_id="access/1")
    assert told_by(refusal) == ENVIRONMENT
    nowhere = replace(refusal, event=replace(REFUSED, environment_id=None))
    assert told_by(nowhere) == "access/1"
