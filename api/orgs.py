"""Salesforce orgs: register with an auth URL, list without it, remove for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from api.auth import allow
from api.credentials import refusing
from api.deps import AtDesk, Desk, Views
from api.or_null import OrNull
from api.schemas import Answer, Body, Name
from domain.decider import Reach, Step
from domain.errors import (
    DomainError,
    Invalid,
    OrgNotFound,
    SalesforceRefused,
    Unauthenticated,
)
from domain.naming import fold, name_of
from domain.org import (
    STREAM,
    OrgRemoved,
    Orgs,
    RegisterOrg,
    RemoveOrg,
    check_default,
)
from domain.org import orgs as decider
from domain.roles import Role
from projections.directory import directory, sql
from workers.salesforce import AuthUrl, parse_auth_url

AuthUrlText = Annotated[str, Meta(min_length=1, max_length=8_000)]


class OrgBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    username: Name
    sfdx_auth_url: AuthUrlText
    instance_url: Name | None = None
    is_dev_hub: OrNull[bool] = False
    is_default: OrNull[bool] = False
    metadata: OrNull[dict[str, Any]] = {}


class OrgAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """Without the auth URL, which only the holder of a lock is told."""

    username: str
    instance_url: str | None
    is_dev_hub: bool
    is_default: bool
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class OrgsController(Controller):
    path = "/auth/salesforce"
    tags = ["Salesforce"]

    @post(
        "/register",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Register an org, or register it again",
    )
    async def register_org(
        self, data: JSONBody[OrgBody], desk: AtDesk, views: Views
    ) -> OrgAnswer:
        """`isDefault` makes it the default dev hub in place of the one before.

        400 when the org does not let us in, or says that the auth URL is another's.
        """
        await desk.require_reach(Reach.INSTALLATION)  # To ask may use the URL up.
        auth_url, vault = data.sfdx_auth_url, desk.services.vault
        parsed = parse_auth_url(auth_url)
        username = name_of(data.username, "username")
        check_default(is_default=data.is_default, is_dev_hub=data.is_dev_hub)
        check_host(desk, parsed)
        instance_url = data.instance_url
        is_done = await desk.is_done()  # Then to ask again might do so.
        if desk.services.settings.salesforce_check and not is_done:
            with refusing("register the org"):
                kept, instance_url = await desk.services.salesforce.identify(
                    parsed, username
                )
            auth_url = kept.text
            await desk.require_again(Role.OWNER)
        command = RegisterOrg(
            by=desk.actor,
            org_id=desk.new_id(),
            username=username,
            credential_id=desk.new_id(),
            instance_url=instance_url,
            is_dev_hub=data.is_dev_hub,
            is_default=data.is_default,
            metadata=data.metadata,
        )
        if not is_done:
            await vault.put(command.credential_id, auth_url)
        try:
            outcome = await desk.execute(Step(decider, STREAM, command))
        except Unauthenticated:
            raise  # In an earlier attempt it may have been registered all the same.
        except DomainError:
            await vault.forget(command.credential_id)
            raise
        known: Orgs = outcome.states[0]
        for credential_id in superseded(command.credential_id, known, username):
            await vault.forget(credential_id)
        found = await views.read(
            directory, sql["list_orgs"], {"username_key": fold(username)}
        )
        if not found.rows:  # Somebody has removed it meanwhile.
            raise OrgNotFound("no Salesforce org is registered under this username")
        return shown(found.rows[0])

    @get("/orgs", guards=[allow(Role.MEMBER)], summary="List orgs")
    async def list_orgs(self, views: Views) -> list[OrgAnswer]:
        """Never with what Berth logs in with."""
        found = await views.read(directory, sql["list_orgs"], {"username_key": None})
        return [shown(row) for row in found.rows]

    @delete(
        "/org",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Remove an org and erase its credentials",
    )
    async def delete_org(
        self,
        username: Annotated[str, QueryParameter(name="username")],
        desk: AtDesk,
    ) -> None:
        """Its environments stay, without credentials."""
        outcome = await desk.execute(
            Step(decider, STREAM, RemoveOrg(by=desk.actor, username=username))
        )
        for event in outcome.events:
            if isinstance(event, OrgRemoved):
                await desk.services.vault.forget(event.credential_id)


def check_host(desk: Desk, auth_url: AuthUrl) -> None:
    """`Invalid` unless `BERTH_SALESFORCE_HOSTS` allows the host of its login."""
    try:
        desk.services.settings.salesforce_hosts.origin(auth_url.host)
    except SalesforceRefused as refusal:
        raise Invalid(f"sfdxAuthUrl: {refusal}", field="sfdxAuthUrl") from None


def superseded(credential_id: str, known: Orgs, username: str) -> set[str]:
    """What to erase after registering `username`: never what is in use now."""
    org = known.known.get(fold(username))
    if org is None:
        return {credential_id}
    return {credential_id, org.previous_credential_id or ""} - {org.credential_id, ""}


def shown(row: Mapping[str, Any]) -> OrgAnswer:
    return OrgAnswer(
        username=row["username"],
        instance_url=row["instance_url"],
        is_dev_hub=row["is_dev_hub"],
        is_default=row["is_default"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
