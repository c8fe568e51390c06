"""Who sent what a field cannot be is told what it can be, whatever it is a field of."""

from __future__ import annotations

from tests.support.client import Caller, refused

SENT = "it's \" a secret - at `$.other`"


def test_a_caller_is_told_of_a_body_and_of_a_query(owner: Caller) -> None:
    for answer in (
        owner.post(
            "/environments",
            {"repositoryIdentifier": "a/b", "name": "a", "category": SENT},
        ),
        owner.get("/environments?category=prod"),
    ):
        refused(answer, 400, "INVALID")
        said = answer.json()
        assert said["field"] == "category"
        assert said["message"] == (
            "category: Invalid enum value: it is none of dev, test, snapshot, release"
        )


def test_a_caller_is_told_of_a_task_s_data(owner: Caller) -> None:
    data = {"repoId": "shop", "pool": "core", "issue": "A", "status": SENT}
    for given, field in ((data, "data.status"), ({"value": data}, "data.value.status")):
        answer = owner.post(
            "/tasks", {"type": "transitionReviewEnvironment", "data": given}
        )
        refused(answer, 400, "INVALID")
        said = answer.json()
        assert said["field"] == field
        assert said["message"] == (
            f"{field}: Invalid enum value: it is none of InUse, Available, Expired"
        )
