"""The directory: repositories, Salesforce orgs and application tokens.

They change rarely and few events concern them, so each event is one write, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from msgspec import UnsetType
from msgspec.structs import asdict

from domain.naming import fold
from domain.org import DefaultDevHubChosen, OrgEvent, OrgRegistered, OrgRemoved
from domain.project_events import ProjectRegistered, ProjectRetired, ProjectRevised
from domain.record import Recorded
from domain.token import TokenEvent, TokenIssued, TokenRevoked
from projections.queries import load
from projections.view import View, Write

sql = load("directory")

Shown = ProjectRegistered | ProjectRevised | ProjectRetired | OrgEvent | TokenEvent


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    for record in records:
        yield from write(record)


def write(record: Recorded) -> Iterable[Write]:
    at, by = record.origin.at, record.origin.by
    key = record.originator_id.partition("/")[2]
    match record.event:
        case ProjectRegistered() as registered:
            yield sql["add_projects"], [{"id": key, "at": at, **asdict(registered)}]
        case ProjectRevised() as revised:
            facts = asdict(revised).items()
            given = {k: v for k, v in facts if not isinstance(v, UnsetType)}
            yield sql["revise_projects"], [{"id": key, "at": at, **given}]
        case ProjectRetired():
            yield sql["remove_projects"], [{"id": key}]
        case OrgRegistered() as org:
            row = {"id": org.org_id, "username_key": fold(org.username), "at": at}
            yield sql["put_orgs"], [{**asdict(org), **row}]
        case OrgRemoved(org_id=org_id):
            yield sql["remove_orgs"], [{"id": org_id}]
        case DefaultDevHubChosen(org_id=chosen, previous_id=previous):
            rows = [{"id": previous, "is_default": False}] if previous else []
            rows += [{"id": chosen, "is_default": True}] if chosen else []
            yield sql["set_default_org"], rows
        case TokenIssued(name=name, expires_at=until):
            row = {"id": key, "name": name, "by": by, "at": at, "expires_at": until}
            yield sql["add_tokens"], [row]
        case TokenRevoked():
            yield sql["revoke_tokens"], [{"id": key, "at": at}]
        case _:
            pass  # Not every event shows in this view.


directory = View(
    "directory",
    ("project", "org", "application_token"),
    project,
    get_args(Shown),
    erase=(sql["erase_token_issuers"],),
)
