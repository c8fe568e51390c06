"""Gives a running task the credentials it asks for, at that moment, and on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.access import (
    CredentialKind,
    CredentialsRead,
    RecordAccess,
    access,
    stream_of,
)
from domain.choices import explained
from domain.decider import Journal, Look, Step, check_reach
from domain.environment.details import Details
from domain.environment.environment import Environment, environment
from domain.errors import EnvironmentNotFound, Forbidden, Invalid
from domain.event import Actor
from domain.ids import new_id
from domain.org import OrgRegistered
from domain.roles import Role
from domain.task.submitter import guard_of
from workers.salesforce import Salesforce
from workers.salesforce.registered import org_of
from workers.settings import Credentials


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Those of the org that belongs to this environment."""

    environment_id: UUID
    auth_type: CredentialKind = CredentialKind.ACCESS_TOKEN


@dataclass(frozen=True)
class CredentialsDesk:
    """What a task is told, its submitter may be told: no more."""

    journal: Journal
    salesforce: Salesforce
    handed_out: Credentials

    async def answer(self, arguments: Mapping[str, Any], by: Actor) -> dict[str, Any]:
        """`username`, and `accessToken` with `instanceUrl`, or `sfdxAuthUrl`."""
        try:
            wanted = msgspec.convert(arguments, Wanted)
        except msgspec.ValidationError as error:
            what = f"credentials: {explained(error, Wanted)}"
            raise Invalid(what, field="credentials") from None
        if not by.role.includes(Role.APPLICATION):
            raise Forbidden("credentials are for an application or an owner")
        only_tokens = self.handed_out is Credentials.ACCESS_TOKEN
        if only_tokens and wanted.auth_type is CredentialKind.AUTH_URL:
            raise Forbidden("this installation hands out access tokens only")
        environment_id = str(wanted.environment_id)
        details = await self._details(environment_id, by)
        org = await org_of(self.journal, details.salesforce_username, by)
        told = await self._told(wanted.auth_type, org)
        event = CredentialsRead(
            environment_id, details.repository, org.username, wanted.auth_type
        )
        record = RecordAccess(by=by, event=event)
        # The guard once more: Salesforce may have taken its time to answer.
        await self.journal.execute(
            *guard_of(by), Step(access, stream_of(new_id()), record, fresh=True)
        )
        return {"username": org.username} | told

    async def _details(self, environment_id: str, by: Actor) -> Details:
        look = Step(environment, environment_id, Look(by=by))
        found: Environment = (await self.journal.execute(look)).states[0]
        if found.details is None:
            raise EnvironmentNotFound("no such environment")
        check_reach(by, found.details.repository)
        return found.details

    async def _told(self, kind: CredentialKind, org: OrgRegistered) -> dict[str, Any]:
        if kind is CredentialKind.AUTH_URL:
            return {"sfdxAuthUrl": await self.salesforce.auth_url(org.credential_id)}
        session = await self.salesforce.live_session(org.credential_id)
        return {"accessToken": session.token, "instanceUrl": session.instance_url}
