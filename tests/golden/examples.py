"""What the golden files must be read as, for ever.

A new event: add an example here with every field set, its tag in
`tests/architecture/test_events.py`, and run `python -m tests.golden`. A file that was
released is never written again, and its example changes only by new fields' defaults.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from domain.access import (
    AccessRefused,
    CredentialsRead,
    EnvironmentRead,
    FrontDoorOpened,
)
from domain.catalog import AnyEvent, tag
from domain.environment.events import (
    Category,
    CredentialsDisclosed,
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
    ExpiryCause,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
    LockWithdrawn,
)
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.event import Event
from domain.once import RequestCarriedOut
from domain.org import DefaultDevHubChosen, OrgRegistered, OrgRemoved
from domain.project_events import (
    DefaultChosen,
    EnvironmentAdded,
    EnvironmentChanged,
    EnvironmentRemoved,
    EnvironmentsOrdered,
    ProjectRegistered,
    ProjectRetired,
    ProjectRevised,
)
from domain.record import Origin, Recorded
from domain.release import ReleasePublished
from domain.review_index import ReviewEnvironmentChosen
from domain.roles import Role
from domain.subject import SubjectErased
from domain.token import TokenIssued, TokenRevoked
from tests.golden.schedules import SCHEDULES
from tests.golden.tasks import HALF_PAST, TASK_EXAMPLES
from tests.golden.webhooks import WEBHOOKS

FOLDER = Path(__file__).parent
ENVIRONMENT = "3f0c3e6e-6f0b-4a55-9a43-0d8f6d0a5a01"
OTHER = "b7a7c2c6-98a1-4d0f-8f0e-2f5d5a1c7e02"
TICKET = "ticket_0d9f3c52-3f5e-4b8e-9d57-6a1c6f0b7e03"
ORG = "5c3d1f7e-0b1a-4a56-8c7e-9e2f4d6b8a04"
CREDENTIAL = "9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c05"
RELEASE = "7d6f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a06"
TASK = "2f1e0d9c-8b7a-4c5d-9e3f-1a0b2c3d4e07"
USERNAME = "uat@acme.example"

ORIGIN = Origin(
    by="ci",
    role=Role.APPLICATION,
    at=datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
    application="release pipeline",
    request_id="01hq3z",
    ip="192.0.2.7",
    user_agent="sfp/50.1",
    cause=41,
)

EXAMPLES: list[AnyEvent] = [
    EnvironmentRegistered(
        repository="acme/shop",
        name="UAT \u6d4b\u8bd5",
        category=Category.TEST,
        description="where users try",
        salesforce_username=USERNAME,
        dev_hub_username="hub@acme.example",
        is_active=False,
        metadata={"team": ["blue", 7, None], "deep": {"er": 1.5}},
        tags=("eu", "fast"),
        branch="main",
        claim_window_seconds=120,
    ),
    EnvironmentRevised(
        name="sit",
        category=Category.RELEASE,
        description=None,
        salesforce_username=None,
        dev_hub_username="hub2@acme.example",
        is_active=True,
        metadata={},
        tags=(),
        branch=None,
        claim_window_seconds=30,
    ),
    EnvironmentRetired(),
    LockRequested(
        ticket_id=TICKET,
        requested_by="ci",
        application="release pipeline",
        reason="deploy 1.2.3",
        lease_seconds=600,
        requested_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        lapses_at=datetime(2026, 1, 8, 12, tzinfo=UTC),
    ),
    LockGranted(
        ticket_id=TICKET,
        requested_by="ci",
        fence=7,
        expires_at=HALF_PAST,
        expiry_cause=ExpiryCause.CLAIM,
    ),
    LockAcquired(
        ticket_id=TICKET,
        fence=7,
        expires_at=HALF_PAST,
        lease_seconds=600,
        reason="deploy 1.2.3",
    ),
    LockRenewed(ticket_id=TICKET, fence=7, expires_at=HALF_PAST),
    CredentialsDisclosed(ticket_id=TICKET, fence=7, salesforce_username=USERNAME),
    LockReleased(
        ticket_id=TICKET, requested_by="ci", fence=7, released_by="olga", forced=True
    ),
    LockWithdrawn(
        ticket_id=TICKET, requested_by="ci", withdrawn_by="olga", forced=True
    ),
    LockLapsed(ticket_id=TICKET, requested_by="ci"),
    LockExpired(ticket_id=TICKET, requested_by="ci", fence=7, cause=ExpiryCause.LEASE),
    ProjectRegistered(
        identifier="acme/shop",
        remote_url="https://github.com/acme/shop",
        platform="github",
        configuration={"branches": ["main"]},
    ),
    ProjectRevised(
        remote_url="https://gitlab.com/acme/shop",
        platform="gitlab",
        configuration={},
    ),
    ProjectRetired(),
    EnvironmentAdded(
        environment_id=ENVIRONMENT,
        name="uat",
        category=Category.SNAPSHOT,
        salesforce_username=USERNAME,
    ),
    EnvironmentChanged(
        environment_id=ENVIRONMENT,
        name="sit",
        category=Category.DEV,
        salesforce_username=None,
    ),
    EnvironmentRemoved(environment_id=ENVIRONMENT),
    DefaultChosen(
        category=Category.TEST, environment_id=ENVIRONMENT, previous_id=OTHER
    ),
    EnvironmentsOrdered(
        category=Category.TEST, environment_ids=(ENVIRONMENT,), left_out=(OTHER,)
    ),
    OrgRegistered(
        org_id=ORG,
        username=USERNAME,
        credential_id=CREDENTIAL,
        previous_credential_id=OTHER,
        instance_url="https://acme.my.salesforce.example",
        is_dev_hub=True,
        metadata={"alias": "uat"},
    ),
    OrgRemoved(org_id=ORG, username=USERNAME, credential_id=CREDENTIAL),
    DefaultDevHubChosen(org_id=ORG, previous_id=None),
    TokenIssued(name="ci", secret_sha256="ab" * 32, expires_at=HALF_PAST),
    TokenRevoked(),
    ReleasePublished(
        release_id=RELEASE,
        environment_id=ENVIRONMENT,
        repository="acme/shop",
        target_org="uat",
        name="v1.2.3",
        domain="core",
        published_at=HALF_PAST,
        published_by="ci",
        metadata={"commit": "7f3c2a1"},
        ticket_id=TICKET,
        fence=7,
    ),
    *TASK_EXAMPLES,
    ReviewAssigned(
        issue="ISSUE-123",
        pool="core",
        branch="feature/123",
        assigned_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        until=HALF_PAST,
        operation_id=TASK,
        requested_by="ci",
    ),
    ReviewExtended(
        issue="ISSUE-123", until=HALF_PAST, operation_id=TASK, extended_by="ci"
    ),
    ReviewTransitioned(
        issue="ISSUE-123",
        status=ReviewStatus.EXPIRED,
        operation_id=TASK,
        transitioned_by="ci",
    ),
    ReviewUnassigned(issue="ISSUE-123", operation_id=TASK, unassigned_by="ci"),
    ReviewExpired(issue="ISSUE-123"),
    ReviewEnvironmentChosen(
        repository="acme/shop",
        pool="core",
        issue="ISSUE-123",
        environment_id=ENVIRONMENT,
        previous_id=OTHER,
    ),
    *SCHEDULES,
    RequestCarriedOut(part=1),
    EnvironmentRead(environment_id=ENVIRONMENT, repository="acme/shop"),
    CredentialsRead(
        environment_id=ENVIRONMENT,
        repository="acme/shop",
        salesforce_username=USERNAME,
        kind="accessToken",
    ),
    FrontDoorOpened(
        environment_id=ENVIRONMENT,
        repository="acme/shop",
        salesforce_username=USERNAME,
    ),
    AccessRefused(
        environment_id=None,
        status=401,
        method="GET",
        path="/sfp/api/environments",
        reason="no token",
        count=12,
    ),
    *WEBHOOKS,
    SubjectErased(erased_as="erased:4f1d0a2b9c3e", key_id=17),
]


def recorded(event: Event) -> Recorded:
    """`event` as the journal would give it back."""
    return Recorded(
        originator_id=ENVIRONMENT,
        originator_version=3,
        position=42,
        id="019b796d-d67b-7c27-a0d4-5787532d0f97",
        event=event,
        origin=ORIGIN,
    )


def path_of(event: Event) -> Path:
    return FOLDER / f"{tag(type(event))}.json"
