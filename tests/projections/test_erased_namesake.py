"""Whoever is erased takes no application along that is called alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from msgspec.structs import replace

from domain.decider import Step
from domain.environment.details import ReviseEnvironment
from domain.environment.events import EnvironmentRevised
from domain.environment.lock import ReleaseLock
from domain.environment.review import AssignReview
from domain.event import Actor
from domain.release import PublishRelease, release
from domain.roles import Role
from domain.token import IssueToken, token
from domain.webhook.events import WebhookCreated
from domain.webhook.webhook import CreateWebhook, webhook
from projections.storage.database import Database
from projections.storage.rebuild import rebuild
from projections.views import VIEWS
from tests.golden.webhooks import WEBHOOKS
from tests.projections.journal_contract import stored
from tests.projections.test_erased import ALL, erase, keep_up, told
from tests.projections.test_subjects import ADA, Process, process, read, request
from tests.projections.test_views import rows_of
from tests.support.builders import register, to

__all__ = ["process"]
NAMESAKE = Actor(ADA.id, Role.OWNER, application=ADA.id)
OF_IT, OF_ADA = "of-the-application", "of-ada"
# Of whose ticket they tell, some events have but the name.
BY_NAME_ALONE = {"granted_to", "requested_by"}


def deeds(by: Actor, whose: str) -> list[Step]:
    """All there is to do of which a view tells who did it; `whose` is in each row."""
    revised = EnvironmentRevised(branch="main")
    lent = AssignReview(by=by, issue=whose, pool="core", operation_id=whose)
    published = PublishRelease(
        by=by,
        release_id=whose,
        environment_id=whose,
        repository="acme/shop",
        target_org="uat",
        name="v1",
        domain="core",
    )
    created = WEBHOOKS[0]
    assert isinstance(created, WebhookCreated)
    issued = IssueToken(by=by, name="ci", secret_sha256="ab" * 32)
    return [
        to(
            whose,
            replace(register(name=whose, tags=("pool:core",)), by=by),
            fresh=True,
        ),
        to(whose, ReviseEnvironment(by=by, revised=revised)),
        to(whose, lent),
        to(whose, request(whose, by)),
        to(whose, ReleaseLock(by=by, ticket_id=whose)),
        Step(release, f"releases/{whose}/1", published, fresh=True),
        Step(token, f"tokens/{whose}", issued, fresh=True),
        Step(
            webhook,
            f"webhooks/{whose}",
            CreateWebhook(by=by, created=created),
            fresh=True,
        ),
    ]


def happen(url: str, process: Process, *by: tuple[Actor, str]) -> None:
    async def scenario() -> None:
        async with stored(url, process()) as rig:
            for actor, whose in by:
                await rig.journal.execute(*deeds(actor, whose))

    asyncio.run(scenario())


def rows_about(url: str, whose: str) -> list[dict[str, Any]]:
    return [row for row in all_rows(url) if whose in str(row)]


def all_rows(url: str) -> Iterator[dict[str, Any]]:
    for view in VIEWS.values():
        for table in rows_of(url, view):
            for row in table:
                details = row.get("access_details")
                if details is not None:
                    said = details.items()
                    row["access_details"] = {
                        key: value for key, value in said if key not in BY_NAME_ALONE
                    }
                yield row


@pytest.mark.parametrize("is_known", [False, True])
def test_an_application_of_the_same_name_stays_in_every_view(
    journal_url: str, process: Process, is_known: bool
) -> None:
    """Whether or not the person had a key by the time that the application acted."""
    both = [(NAMESAKE, OF_IT), (ADA, OF_ADA)]
    happen(journal_url, process, *(reversed(both) if is_known else both))
    with closing(
        Database(journal_url, pool_max=len(ALL), subjects=process())
    ) as database:
        keep_up(database)
        of_it, of_ada = rows_about(journal_url, OF_IT), rows_about(journal_url, OF_ADA)
        assert len(of_it) == len(of_ada)
        assert str(of_it).count(ADA.id) > len(of_ada) / 2
        shown = erase(journal_url, process(), ADA.id)
        assert rows_about(journal_url, OF_IT) == of_it
        now = rows_about(journal_url, OF_ADA)
        assert ADA.id not in str(now)
        assert str(now).count(shown) == str(of_ada).count(ADA.id)
        if is_known:
            live = told(journal_url)
            assert [*rebuild(database, ALL)]
            assert told(journal_url) == live


def test_what_an_application_did_names_it_though_a_person_is_called_alike(
    journal_url: str, process: Process
) -> None:
    happen(journal_url, process, (ADA, OF_ADA), (NAMESAKE, OF_IT))
    shown = erase(journal_url, process(), ADA.id)
    names = {
        (record.origin.application, getattr(record.event, field))
        for record in read(journal_url, process())
        for field in ("published_by", "released_by")
        if hasattr(record.event, field)
    }
    assert names == {(None, shown), (ADA.id, ADA.id)}
