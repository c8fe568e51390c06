"""Environments, as a client of the reference API knows them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from domain.roles import Role
from tests.contract.conftest import put_there
from tests.contract.replay import differences, example
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api

CREATE = example("create")
LIST = example("list")


def test_create_answers_as_the_example(owner: Caller) -> None:
    answer = CREATE.send(owner)
    assert answer.status_code == 201
    assert answer.json()["salesforceUsername"] == "[email protected]"
    assert not list(differences(CREATE.answer, answer.json()))


def test_creating_it_again_is_a_conflict(owner: Caller) -> None:
    made(CREATE.send(owner))
    refused(CREATE.send(owner), 409, "ENVIRONMENT_EXISTS")


def test_an_unknown_repository_and_an_unknown_org_are_not_found(owner: Caller) -> None:
    for strange in ({"repositoryIdentifier": "my/other"}, {"salesforceUsername": "x"}):
        refused(owner.post("/environments", CREATE.body | strange), 404)


def test_get_answers_as_the_example(api: Api, owner: Caller) -> None:
    get = example("get")
    theirs = put_there(owner, get.answer)
    owner_of_lock = api.caller(Role.APPLICATION, get.answer["lockedBy"])
    owner_of_lock.lock(theirs).hold()
    answer = get.send(owner, id=theirs["id"])
    assert answer.status_code == 200
    assert not list(differences(get.answer, answer.json()))


def test_get_by_name_answers_the_same(owner: Caller) -> None:
    created = made(CREATE.send(owner))
    assert made(example("get_by_name").send(owner, name="prod")) == created


def test_patch_answers_as_the_example(owner: Caller) -> None:
    patch = example("patch")
    before = put_there(owner, patch.answer, tags=["critical"])
    put_first(owner, before)
    answer = patch.send(owner, id=before["id"])
    assert answer.status_code == 200
    assert not list(differences(patch.answer, answer.json()))


def test_patch_by_name_takes_the_same_body(owner: Caller) -> None:
    by_name, by_id = example("patch_by_name"), example("patch")
    made(CREATE.send(owner))
    refused(by_name.send(owner, name="prod"), 400)  # Its body is a place-holder.
    answer = replace(by_name, body=by_id.body).send(owner, name="prod")
    assert made(answer)["tags"] == by_id.body["tags"]


def test_delete_says_nothing_and_the_environment_is_gone(owner: Caller) -> None:
    created = made(CREATE.send(owner))
    answer = example("delete").send(owner, id=created["id"])
    assert (answer.status_code, answer.content) == (204, b"")
    refused(example("get").send(owner, id=created["id"]), 404, "ENVIRONMENT_NOT_FOUND")
    made(CREATE.send(owner))
    assert example("delete_by_name").send(owner, name="prod").status_code == 204
    refused(example("get_by_name").send(owner, name="prod"), 404)


def test_a_locked_one_cannot_be_deleted(owner: Caller) -> None:
    created = made(CREATE.send(owner))
    owner.lock(created).hold()
    for name, place in ("delete", created["id"]), ("delete_by_name", "prod"):
        answer = example(name).send(owner, id=place, name=place)
        refused(answer, 409, "ENVIRONMENT_LOCKED")


def test_the_list_is_grouped_as_in_the_example(api: Api, owner: Caller) -> None:
    theirs = fleet(api, owner)
    groups = made(LIST.send(owner))
    assert list(groups) == list(theirs)
    for category, group in groups.items():
        ours = [e for e in group if e["repositoryIdentifier"] == "myorg/myrepo"]
        assert not list(differences(theirs[category], ours))


def test_a_category_makes_the_list_flat(api: Api, owner: Caller) -> None:
    theirs = fleet(api, owner)
    answer = owner.get(
        "/environments", repositoryIdentifier="myorg/myrepo", category="test"
    )
    assert not list(differences(theirs["test"], answer.json()))


def fleet(api: Api, owner: Caller) -> Json:
    """The environments of the list's example, each with an org of its own."""
    theirs: Json = deepcopy(LIST.answer)
    for environment in (*theirs["dev"], *theirs["test"]):
        environment["salesforceUsername"] = owner.org()
    for environment in (e for group in theirs.values() for e in group):
        ours = put_there(owner, environment)
        lock_as_in(api, environment, ours)
        if environment["orchestrationOrder"]:
            put_first(owner, ours)
    return theirs


def put_first(owner: Caller, environment: Json) -> None:
    """In its category's order of deployment."""
    keys = ("repositoryIdentifier", "category")
    body = {"environmentOrder": [environment["name"]]}
    here = {key: environment[key] for key in keys}
    answer = owner.ask("PUT", "/environments/orchestration-order", body, **here)
    assert answer.json() == [environment["name"]]


def lock_as_in(api: Api, theirs: Json, ours: Json) -> None:
    status = theirs["lockStatus"]
    if status["isLocked"]:
        holder = api.caller(Role.APPLICATION, theirs["lockedBy"])
        holder.lock(ours).hold(reason=status["currentLock"]["lockReason"])
    for waiting in status["queuedLocks"]:
        caller = api.caller(Role.APPLICATION, waiting["requestedBy"])
        caller.lock(ours).ticket(reason=waiting["lockReason"])
