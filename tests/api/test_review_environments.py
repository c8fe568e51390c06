"""Everybody sees which issue has a review environment, and the audit remembers."""

from __future__ import annotations

from functools import partial
from typing import Any

from domain.decider import Step
from domain.environment.environment import environment as rules
from domain.environment.review import AssignReview, ReviewCommand, TransitionReview
from domain.environment.review_events import ReviewStatus
from domain.event import Actor
from domain.roles import Role
from tests.support.client import Caller, Json
from tests.support.running import Installation, until
from tests.support.tasks import status, submitted

CI = Actor("ci", Role.APPLICATION, "pipeline")
EXPIRED = """
SELECT FROM berth_events WHERE originator_id = %s AND topic = 'review.expired'
"""


def put(
    installation: Installation,
    environment: Json,
    kind: type[ReviewCommand] = AssignReview,
    **values: Any,
) -> None:
    told: dict[str, Any] = {
        "by": CI,
        "issue": "A-1",
        "pool": "core",
        "operation_id": kind.__name__,
    }
    command = kind(**(told | values))
    installation.decide(Step(rules, environment["id"], command))


def test_only_what_is_in_a_pool_speaks_of_reviews(owner: Caller) -> None:
    assert "reviewEnvironment" not in owner.environment(tags=["core"])
    free = owner.environment(tags=["pool:core"])
    assert free["reviewEnvironment"] == {
        "status": "Available",
        "issue": None,
        "branch": None,
        "assignedAt": None,
        "expiresAt": None,
    }


def test_who_has_it_shows_until_its_time_is_over(
    installation: Installation, owner: Caller, member: Caller
) -> None:
    environment = owner.environment(tags=["pool:core"])
    put(installation, environment, branch="feature/1")
    shown = member.look(environment)["reviewEnvironment"]
    assert (shown["status"], shown["issue"]) == ("InUse", "A-1")
    assert shown["branch"] == "feature/1"
    assert shown["assignedAt"] < shown["expiresAt"]
    repository = environment["repositoryIdentifier"]
    [listed] = member.get(
        "/environments", repositoryIdentifier=repository, category="test"
    ).json()
    assert listed["reviewEnvironment"] == shown
    owner.patch(f"/environments/{environment['id']}", {"tags": []})
    assert member.look(environment)["reviewEnvironment"] == shown
    put(installation, environment, TransitionReview, status=ReviewStatus.EXPIRED)
    assert member.look(environment)["reviewEnvironment"] == shown | {
        "status": "Expired"
    }


def test_those_who_wait_are_not_in_the_way_of_who_gives_back(
    installation: Installation, owner: Caller, application: Caller
) -> None:
    environment = owner.environment(tags=["pool:core"])
    repository = environment["repositoryIdentifier"]

    def ask(kind: str, issue: str, **data: Any) -> str:
        told = {"repoId": repository, "pool": "core", "issue": issue} | data
        return submitted(application, type=f"{kind}ReviewEnvironment", data=told)

    def waits(operation: str) -> bool:
        told: str = status(application, operation)["message"]
        return told.startswith("waiting: none of the 1 environments")

    def have_got_one(count: int) -> bool:
        return [status(owner, o)["status"] for o in fetches].count("completed") == count

    put(installation, environment, issue="A-0")
    with installation.worker(BERTH_TASK_SLOTS="1"):
        fetches = [ask("fetch", f"A-{n}", wait=600) for n in range(1, 4)]
        for operation in fetches:
            until(partial(waits, operation))
        for number in range(1, 4):
            ask("unassign", owner.look(environment)["reviewEnvironment"]["issue"])
            until(partial(have_got_one, number))


def test_nobody_has_to_come_by_for_it_to_expire(
    installation: Installation, owner: Caller
) -> None:
    environment = owner.environment(tags=["pool:core"])
    put(installation, environment, lease_seconds=1)
    with installation.worker():
        until(lambda: bool(installation.query(EXPIRED, environment["id"])))
    shown = owner.look(environment)["reviewEnvironment"]
    assert (shown["status"], shown["issue"]) == ("Expired", "A-1")
    newest, assigned = owner.audit(environment, accessType="review")
    assert newest["accessed_by"] == "berth:time"
    assert newest["access_details"] == {"action": "review_expired", "issue": "A-1"}
    assert assigned["accessed_by"] == "ci"
    assert assigned["access_details"] == {
        "action": "review_assigned",
        "issue": "A-1",
        "pool": "core",
        "branch": None,
        "expires_at": shown["expiresAt"],
        "operation_id": "AssignReview",
    }
