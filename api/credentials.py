"""The credentials of an environment's org: what may be told of them, and to whom.

Whoever gathers them has their disclosure on record before they leave, and asks again,
just before, whether they may: Salesforce may have taken its time to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

import structlog
from msgspec import Struct
from msgspec.structs import replace

from api.deps import Desk
from api.place import Place
from api.schemas import EnvironmentAnswer
from domain.access import CredentialKind, CredentialsRead
from domain.environment.details import Details
from domain.environment.environment import Environment
from domain.environment.lock import AcquireLock
from domain.environment.queue import Ticket
from domain.errors import Forbidden, OrgNotFound, SalesforceRefused
from domain.org import OrgRegistered
from domain.roles import Role
from workers.salesforce import Session
from workers.salesforce.registered import org_of
from workers.salesforce.wire import within
from workers.settings import Credentials

HOLDER_SECONDS_MAX = 5.0

log = structlog.get_logger()


class Told(Struct):
    """What a caller is told. What could not be had is None."""

    sfdx_auth_url: str | None = None
    access_token: str | None = None
    instance_url: str | None = None
    front_door_url: str | None = None

    def tell(self, session: Session) -> None:
        self.access_token, self.instance_url = session.token, session.instance_url

    def __repr__(self) -> str:
        return "Told(...)"


async def for_holder(desk: Desk, username: str) -> Told:
    """As much as can be had: the lock is worth having without it."""
    services, told = desk.services, Told()
    try:
        org = await org_of(desk, username, desk.actor)
    except OrgNotFound:
        return told
    handed_out = services.settings.credentials
    if handed_out is not Credentials.AUTH_URL:
        try:
            async with within(HOLDER_SECONDS_MAX, "the org"):
                await _ask_salesforce(desk, org, told)
        except SalesforceRefused as refusal:
            log.warning("the holder gets less", org=org.org_id, reason=str(refusal))
    if handed_out is not Credentials.ACCESS_TOKEN:
        # After Salesforce was asked, which may have given us a newer one.
        told.sfdx_auth_url = await services.vault.get(org.credential_id)
    return told


async def still_holding(place: Place, ticket_id: str) -> Ticket:
    """The ticket as of now; a refusal if the caller holds or may hold it no more."""
    await place.desk.require_again(Role.APPLICATION)
    outcome = await place.execute(AcquireLock, ticket_id=ticket_id)
    state: Environment = outcome.states[0]
    return state.queue.tickets[ticket_id]


async def for_reader(
    desk: Desk, environment_id: str, details: Details, kind: CredentialKind
) -> Told:
    """One kind of credential for who does not hold the lock: on record each time."""
    await desk.require(Role.APPLICATION)
    await desk.require_reach(details.repository)
    services, told = desk.services, Told()
    if kind is CredentialKind.AUTH_URL:
        async with desk.refusals_on_record():
            _check_handed_out(services.settings.credentials)
    with refusing("read the credentials"):
        org = await org_of(desk, details.salesforce_username, desk.actor)
        if kind is CredentialKind.AUTH_URL:
            told.sfdx_auth_url = await services.salesforce.auth_url(org.credential_id)
        else:
            told.tell(await services.salesforce.live_session(org.credential_id))
    await desk.require_again(Role.APPLICATION)
    await desk.record(
        CredentialsRead(environment_id, details.repository, org.username, kind)
    )
    return told


def with_credentials(
    answer: EnvironmentAnswer, told: Told, kind: CredentialKind
) -> EnvironmentAnswer:
    """`answer`, and what was asked for of the org's credentials."""
    match kind:
        case CredentialKind.AUTH_URL:
            return replace(answer, sfdx_auth_url=told.sfdx_auth_url)
        case CredentialKind.ACCESS_TOKEN:
            token, instance_url = told.access_token, told.instance_url
            return replace(answer, access_token=token, instance_url=instance_url)
        case _:
            assert_never(kind)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Refusals inside say that Berth was unable to do `what`, and why."""
    try:
        yield
    except (OrgNotFound, SalesforceRefused) as refusal:
        raise SalesforceRefused(f"Unable to {what}: {refusal}") from None


async def _ask_salesforce(desk: Desk, org: OrgRegistered, told: Told) -> None:
    salesforce, credential_id = desk.services.salesforce, org.credential_id
    told.tell(await salesforce.session(credential_id))
    # The front door may find that token to be over, and get another.
    try:
        told.front_door_url = await salesforce.front_door(credential_id, "/")
    except SalesforceRefused:
        told.tell(await salesforce.session(credential_id))
        raise
    told.tell(await salesforce.session(credential_id))


def _check_handed_out(handed_out: Credentials) -> None:
    if handed_out is Credentials.ACCESS_TOKEN:
        raise Forbidden("this installation hands out access tokens only")
