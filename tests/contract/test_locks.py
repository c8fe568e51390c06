"""Locks and their audit, as a client of the reference API knows them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from domain.roles import Role
from tests.contract.conftest import put_there
from tests.contract.replay import differences, example
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api


@pytest.fixture
def by_id(owner: Caller) -> Json:
    """The environment that is locked by its id."""
    return put_there(owner, example("get").answer, name="production")


@pytest.fixture
def by_name(owner: Caller) -> Json:
    """The environment that is locked by its name."""
    return put_there(owner, example("create").answer, name="production")


@pytest.mark.parametrize("suffix", ["", "_by_name"])
def test_lock_acquire_and_release_answer_as_the_examples(
    application: Caller, by_id: Json, by_name: Json, suffix: str
) -> None:
    places = by_name if suffix else by_id
    lock, acquire = example(f"lock{suffix}"), example(f"acquire{suffix}")
    answer = lock.send(application, **places)
    assert answer.status_code == 201
    assert not list(differences(lock.answer, answer.json()))
    ticket = answer.json()["ticketId"]

    answer = acquire.send(application, ticketId=ticket, **places)
    assert answer.status_code == 200
    theirs = acquire.answer | {
        "environmentId": places["id"],
        "sfdxAuthUrl": "force://PlatformCLI::5Aep861@mycompany.my.salesforce.com",
    }
    assert not list(differences(theirs, answer.json()))

    answer = example(f"release{suffix}").send(application, ticketId=ticket, **places)
    assert answer.status_code == 200
    assert not made(application.get(f"/environments/{places['id']}"))["isLocked"]


@pytest.mark.parametrize("suffix", ["", "_by_name"])
def test_3600_seconds_and_60_minutes_are_the_same_lease(
    application: Caller, by_id: Json, by_name: Json, suffix: str
) -> None:
    places = by_name if suffix else by_id
    ticket = made(example(f"lock{suffix}").send(application, **places))["ticketId"]
    looked = made(application.lock(places).look(ticket))
    assert looked["leaseDurationSeconds"] == 3_600
    assert looked["lockReason"] == "Deploying release v2.1.0"


@pytest.mark.parametrize("suffix", ["", "_by_name"])
def test_without_its_query_parameter_the_lock_is_a_bad_request(
    application: Caller, by_id: Json, by_name: Json, suffix: str
) -> None:
    lock = example(f"lock{suffix}")
    bare = replace(lock, request=re.sub(r"\?\S+", "", lock.request))
    missing = "repositoryIdentifier" if suffix else "repositoryName"
    answer = bare.send(application, **(by_name if suffix else by_id))
    assert refused(answer, 400)["field"] == missing


def test_the_audit_answers_as_the_example(api: Api, owner: Caller) -> None:
    audit = example("audit")
    theirs: dict[str, Any] = audit.answer[0]
    environment = put_there(owner, example("create").answer)
    holder = api.caller(Role.APPLICATION, theirs["accessed_by"])
    ticket = holder.lock(environment).ticket(
        leaseDurationSeconds=theirs["access_details"]["duration_seconds"],
        reason=theirs["access_details"]["reason"],
    )
    made(holder.lock(environment).acquire(ticket))
    [ours] = [
        record
        for record in owner.audit(environment, accessType="lock", limit=50)
        if record["access_details"]["action"] == "environment_locked"
    ]
    assert not list(differences(theirs, ours))
    assert ours["accessed_by"] == theirs["accessed_by"]


def test_the_audit_of_a_repository_is_found_by_its_encoded_name(owner: Caller) -> None:
    put_there(owner, example("create").answer)
    audit = example("audit_of_repository")
    answer = audit.send(owner, repositoryIdentifier="myorg%2Fmyrepo")
    assert (answer.status_code, answer.json()) == (200, audit.answer)
    path = "/environments/repository/myorg%2Fmyrepo/audit"
    [created] = owner.get(path, accessType="create").json()
    assert not set(example("audit").answer[0]) ^ set(created)


def test_the_audit_takes_the_example_s_query(owner: Caller) -> None:
    """`accessType=text` is a place-holder, and no record is of that type."""
    environment = put_there(owner, example("create").answer)
    assert example("audit").send(owner, **environment).json() == []
