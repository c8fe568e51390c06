"""The Salesforce orgs of this installation, and which of them is the default dev hub.

All orgs are one stream: they are few, rarely change, and share one default. Their
auth URLs are not here: the vault keeps each under an id of its own, so that an org and
its new credential change in one append.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Decider, Reach
from domain.errors import Invalid, OrgNotFound, TooMany
from domain.event import Command, Event
from domain.naming import fold

STREAM = "orgs"


class OrgAskedTooOften(TooMany):
    """Salesforce gives an org so many calls a day, for all who use it."""

    code = "ORG_ASKED_TOO_OFTEN"
    retry_after_seconds = 60


class OrgRegistered(Event, frozen=True, tag="org.registered"):
    """Registered, or registered again with other facts."""

    org_id: str
    username: str
    credential_id: str
    previous_credential_id: str | None = None
    instance_url: str | None = None
    is_dev_hub: bool = False
    metadata: dict[str, Any] = {}


class OrgRemoved(Event, frozen=True, tag="org.removed"):
    """The vault has forgotten what `credential_id` stood for."""

    org_id: str
    username: str
    credential_id: str


class DefaultDevHubChosen(Event, frozen=True, tag="org.default_dev_hub_chosen"):
    """`org_id` in place of `previous_id`; None: there is none, or there was none."""

    org_id: str | None
    previous_id: str | None


OrgEvent = OrgRegistered | OrgRemoved | DefaultDevHubChosen


class RegisterOrg(Command, frozen=True, kw_only=True):
    """`org_id` is for an org that is new; one that is known keeps its own.

    `credential_id` is where the vault keeps the auth URL that comes with this.
    """

    org_id: str
    username: str
    credential_id: str
    instance_url: str | None = None
    is_dev_hub: bool = False
    is_default: bool = False
    metadata: dict[str, Any] = {}


class RemoveOrg(Command, frozen=True, kw_only=True):
    username: str


class RequireOrg(Command, frozen=True, kw_only=True):
    """Refuses with `OrgNotFound` unless every one of `usernames` is registered.

    They stand under the fields that named them. `to_use` says that an environment is
    to stand for them: who holds its lock is told their credentials, so that is not for
    an owner of some repositories to say.
    """

    usernames: Mapping[str, str]
    to_use: bool = False


OrgCommand = RegisterOrg | RemoveOrg | RequireOrg


class Orgs(Struct, frozen=True):
    """The registered orgs by the folded username."""

    known: dict[str, OrgRegistered] = {}
    default_dev_hub: str | None = None

    def require(self, username: str, field: str) -> None:
        if fold(username) not in self.known:
            raise OrgNotFound(f"no Salesforce org is registered under this {field}")


def decide(command: OrgCommand, orgs: Orgs, _: datetime) -> Sequence[OrgEvent]:
    """`OrgNotFound` if one is not registered, but for registering."""
    match command:
        case RegisterOrg():
            return register(command, orgs)
        case RemoveOrg():
            org = orgs.known.get(fold(command.username))
            if org is None:  # What stood in the query is not repeated.
                raise OrgNotFound("no Salesforce org is registered under this username")
            removed = OrgRemoved(org.org_id, org.username, org.credential_id)
            if orgs.default_dev_hub != org.org_id:
                return [removed]
            return [DefaultDevHubChosen(None, org.org_id), removed]
        case RequireOrg():
            for field, username in command.usernames.items():
                orgs.require(username, field)
            return []
        case _:
            assert_never(command)


def register(command: RegisterOrg, orgs: Orgs) -> Sequence[OrgEvent]:
    """Again is an update; the default passes from one to the other. `Invalid`."""
    check_default(is_default=command.is_default, is_dev_hub=command.is_dev_hub)
    known = orgs.known.get(fold(command.username))
    if known and known.credential_id == command.credential_id:
        return []  # Registered by this very command: nothing to append.
    registered = OrgRegistered(
        org_id=known.org_id if known else command.org_id,
        username=command.username,
        credential_id=command.credential_id,
        previous_credential_id=known.credential_id if known else None,
        instance_url=command.instance_url,
        is_dev_hub=command.is_dev_hub,
        metadata=command.metadata,
    )
    previous = orgs.default_dev_hub
    if command.is_default and previous != registered.org_id:
        return [registered, DefaultDevHubChosen(registered.org_id, previous)]
    if not command.is_default and previous == registered.org_id:
        return [registered, DefaultDevHubChosen(None, previous)]
    return [registered]  # Also when nothing else changed: the auth URL may have.


def check_default(*, is_default: bool, is_dev_hub: bool) -> None:
    """Also asked before Salesforce is: what can be refused at once should be."""
    if is_default and not is_dev_hub:
        raise Invalid("isDefault is for a dev hub", field="isDefault")


def evolve(orgs: Orgs, event: OrgEvent) -> Orgs:
    match event:
        case OrgRegistered():
            return replace(orgs, known=orgs.known | {fold(event.username): event})
        case OrgRemoved():
            rest = {k: o for k, o in orgs.known.items() if o.org_id != event.org_id}
            return replace(orgs, known=rest)
        case DefaultDevHubChosen():
            return replace(orgs, default_dev_hub=event.org_id)
        case _:
            assert_never(event)


def belongs_to(command: OrgCommand, _: Orgs) -> Reach:
    """Several repositories may share an org."""
    is_harmless = isinstance(command, RequireOrg) and not command.to_use
    return Reach.EVERYBODY if is_harmless else Reach.INSTALLATION


orgs = Decider(initial=Orgs(), decide=decide, evolve=evolve, belongs_to=belongs_to)
