"""Of everything that the views show, some; a story for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from domain.access import AccessRefused, EnvironmentRead, stream_of
from domain.environment.events import (
    Category,
    CredentialsDisclosed,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.environment.review_events import (
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.event import Event
from domain.org import DefaultDevHubChosen, OrgRegistered, OrgRemoved
from domain.project_events import (
    DefaultChosen,
    EnvironmentsOrdered,
    ProjectRegistered,
    ProjectRevised,
)
from domain.release import ReleasePublished
from domain.roles import Role
from domain.task.events import (
    FailureReason,
    Order,
    Submitter,
    TaskAttemptFailed,
    TaskCancellationRequested,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskLeaseExtended,
    TaskProgressed,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from domain.token import TokenIssued, TokenRevoked
from tests.golden.webhooks import WEBHOOKS
from tests.projections.recurring import RECURRING
from tests.support.builders import (
    acquired,
    at,
    called,
    expired,
    forced,
    granted,
    lapsed,
    lent,
    registered,
    released,
    renewed,
    requested,
    unclaimed,
    withdrawn,
)


def refused(environment_id: str | None) -> AccessRefused:
    return AccessRefused(environment_id, 403, "GET", "/", 'a "reason"\t\\N\n', 2)


def published(environment_id: str) -> ReleasePublished:
    return ReleasePublished(
        release_id=f"release of {environment_id}",
        environment_id=environment_id,
        repository="acme/shop",
        target_org="uat",
        name="v1",
        domain="Core",
        published_at=at(0),
        published_by="ci",
        metadata={"n": [1, "é"]},
    )


def submitted(repository: str | None = None) -> TaskSubmitted:
    order = Order("check", {"n": [1.5, None]}, repository=repository)
    return TaskSubmitted(order, Submitter("ci", Role.APPLICATION, "ci"), at(90))


def started(attempt: int) -> TaskStarted:
    return TaskStarted(attempt, f"lease {attempt}", "w-1", at(300))


# Of everything that a view shows, some; what concerns one row is near and far apart.
STORY: Sequence[tuple[str, Event]] = [
    ("project/acme/shop", ProjectRegistered("acme/shop", "https://x/", "github")),
    ("uat", registered(metadata={"n": [1.5, None, "é"]}, tags=("a", "b"))),
    ("sit", registered(name="sit")),
    ("project/acme/shop", DefaultChosen(Category.TEST, "uat", None)),
    ("uat", requested("a")),
    ("uat", granted("a", 1, until=600)),
    ("uat", acquired("a", 1, until=600)),
    ("uat", requested("b", patience=5)),
    ("uat", requested("c")),
    (stream_of("1"), EnvironmentRead("uat", "acme/shop")),
    (stream_of("2"), refused("uat")),
    (stream_of("3"), refused("nobody knows")),
    (stream_of("4"), refused(None)),
    ("uat", renewed("a", 1, until=900)),
    ("uat", CredentialsDisclosed("a", 1, "uat@acme.example")),
    ("uat", lapsed("b")),
    ("uat", released("a", 1)),
    ("uat", called("c", 2, until=90)),
    ("uat", unclaimed("c", 2)),
    ("sit", requested("d")),
    ("sit", granted("d", 1, until=600)),
    ("sit", requested("e")),
    ("sit", withdrawn("e")),
    ("sit", acquired("d", 1, until=600)),
    ("uat", EnvironmentRevised(name="UAT 2", branch="main", tags=())),
    ("project/acme/shop", DefaultChosen(Category.TEST, "sit", "uat")),
    ("project/acme/shop", ProjectRevised(platform="gitlab")),
    ("releases/1", published("uat")),
    ("releases/2", published("sit")),
    ("releases/3", published("nobody knows")),
    ("project/acme/shop", EnvironmentsOrdered(Category.TEST, ("sit", "uat"), ())),
    ("sit", expired("d", 1)),
    ("project/acme/shop", EnvironmentsOrdered(Category.TEST, ("uat",), ("sit",))),
    ("sit", EnvironmentRetired()),
    (stream_of("5"), EnvironmentRead("sit", "acme/shop")),
    ("uat", requested("f")),
    ("uat", granted("f", 3, until=600)),
    ("uat", forced("f", 3)),
    ("project/acme/shop", DefaultChosen(Category.DEV, "dev", None)),
    ("dev", registered(name="dev", category=Category.DEV)),
    ("uat", requested("g")),
    ("uat", lent("ISSUE-1", until=60)),
    ("uat", ReviewExtended("ISSUE-1", at(90), "task", "ci")),
    ("uat", ReviewTransitioned("ISSUE-1", ReviewStatus.AVAILABLE, "task", "ci")),
    ("uat", lent("ISSUE-2", until=120)),
    ("uat", ReviewUnassigned("ISSUE-2", "task", "ci")),
    ("uat", lent("ISSUE-3", until=120)),
    ("uat", ReviewExtended("ISSUE-3", at(150), "task", "ci")),
    ("uat", ReviewExpired("ISSUE-3")),
    ("orgs", OrgRegistered("o", "hub@acme.example", "k", is_dev_hub=True)),
    ("orgs", DefaultDevHubChosen("o", None)),
    ("orgs", OrgRegistered("p", "other@acme.example", "l")),
    ("orgs", OrgRemoved("p", "other@acme.example", "l")),
    ("token/t", TokenIssued("ci", "ab" * 32, at(60))),
    ("token/u", TokenIssued("old", "cd" * 32, at(60))),
    ("token/u", TokenRevoked()),
    ("tasks/a", submitted("Acme/shop")),
    ("tasks/b", submitted()),
    ("tasks/a", started(1)),
    ("tasks/a", TaskProgressed(1, 50, "half\0")),
    ("tasks/c", submitted()),
    ("tasks/c", TaskCancelled(0, "olga")),
    ("tasks/a", TaskAttemptFailed(1, FailureReason.ERROR, "no\0", at(91), "stack")),
    ("tasks/b", started(1)),
    ("tasks/d", submitted()),
    ("tasks/a", started(2)),
    ("tasks/b", TaskLeaseExtended(1, at(500))),
    ("tasks/a", TaskCompleted(2, {"a": ["\0", 1e300]})),
    ("tasks/b", TaskCancellationRequested(1, "olga")),
    ("tasks/b", TaskCancelled(1, "olga")),
    ("tasks/d", started(1)),
    ("tasks/d", TaskStalled(1, at(301))),
    ("tasks/e", submitted()),
    ("tasks/e", started(1)),
    ("tasks/e", TaskFailed(1, FailureReason.STALLED, "silent")),
    ("tasks/f", submitted()),
    *RECURRING,
    *(("webhooks/a", event) for event in WEBHOOKS),
    *(("webhooks/b", event) for event in WEBHOOKS[:-1]),
]
