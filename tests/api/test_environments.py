"""Environments over HTTP: found by what they are, unique in their repository."""

from __future__ import annotations

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def repository(owner: Caller) -> str:
    return owner.repository()


def test_every_filter_of_the_list_narrows_it(owner: Caller, repository: str) -> None:
    here = {"repositoryIdentifier": repository}
    owner.environment(name="dev1", category="dev", branch="develop", **here)
    owner.environment(name="qa", tags=["pool:eu", "fast"], branch="develop", **here)
    owner.environment(name="old", isActive=False, tags=["fast"], **here)
    found = {
        "everything": names(owner, **here),
        "the repository, in capitals": names(
            owner, repositoryIdentifier=repository.upper()
        ),
        "a category": names(owner, category="test", **here),
        "active ones": names(owner, isActive="true", **here),
        "inactive ones": names(owner, isActive="false", **here),
        "a branch": names(owner, branch="develop", **here),
        "a tag": names(owner, tags="fast", **here),
        "two tags": names(owner, tags="fast,pool:eu", **here),
        "two tags, repeated": names(owner, tags=["fast", "pool:eu"], **here),
        "two tags, as axios spells them": names(
            owner, **{"tags[]": ["fast", "pool:eu"]}, **here
        ),
        "two tags, in brackets and not": names(
            owner, **{"tags[]": "pool:eu,"}, tags="fast", **here
        ),
        "no tag": names(owner, **{"tags[]": "", "tags": ""}, **here),
        "no branch": names(owner, branch="", **here),
        "two filters": names(owner, tags="fast", isActive="true", **here),
        "nothing": names(owner, branch="main", **here),
    }
    assert found == {
        "everything": ["dev1", "qa", "old"],
        "the repository, in capitals": ["dev1", "qa", "old"],
        "a category": ["qa", "old"],
        "active ones": ["dev1", "qa"],
        "inactive ones": ["old"],
        "a branch": ["dev1", "qa"],
        "a tag": ["qa", "old"],
        "two tags": ["qa"],
        "two tags, repeated": ["qa"],
        "two tags, as axios spells them": ["qa"],
        "two tags, in brackets and not": ["qa"],
        "no tag": ["dev1", "qa", "old"],
        "no branch": ["dev1", "qa", "old"],
        "two filters": ["qa"],
        "nothing": [],
    }


def test_its_repository_is_told_as_it_was_registered(owner: Caller) -> None:
    """Whoever joins or filters by the text finds it, whatever its creator wrote."""
    registered = owner.repository()
    environment = owner.environment(repositoryIdentifier=registered.upper())
    owner.publish(environment)
    [found] = made(owner.get("/environments", repositoryIdentifier=registered))["test"]
    assert {
        environment["repositoryIdentifier"],
        found["repositoryIdentifier"],
        owner.look(environment)["repositoryIdentifier"],
        owner.releases(environment)["repositoryIdentifier"],
        owner.releases(environment)["releases"][0]["repoIdentifier"],
        owner.audit(environment)[0]["repository_identifier"],
    } == {registered}
    assert environment["repositoryName"] == registered.rpartition("/")[2]


@pytest.mark.parametrize("unknown", ["acme/nowhere", "/{}", "{}/"])
def test_a_repository_that_is_none_is_not_found(
    owner: Caller, repository: str, unknown: str
) -> None:
    body = {"name": "uat", "category": "test"}
    body["repositoryIdentifier"] = unknown.format(repository)
    refused(owner.post("/environments", body), 404, "REPOSITORY_NOT_FOUND")


def test_brackets_are_no_parameter_of_their_own(api: Api) -> None:
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    listing = document["paths"]["/sfp/api/environments"]["get"]
    told = {parameter["name"] for parameter in listing["parameters"]}
    assert "tags" in told
    assert "tags[]" not in told


@pytest.mark.parametrize("twin", ["uat", "UAT", NFC, NFD, NFD.upper()])
def test_a_twin_of_a_name_is_a_conflict(
    owner: Caller, repository: str, twin: str
) -> None:
    for name in "uat", NFC:
        owner.environment(name=name, repositoryIdentifier=repository)
    other = owner.environment(name="other", repositoryIdentifier=repository)
    body = {"repositoryIdentifier": repository, "name": twin, "category": "dev"}
    refused(owner.post("/environments", body), 409, "ENVIRONMENT_EXISTS")
    renaming = owner.patch(f"/environments/{other['id']}", {"name": twin})
    refused(renaming, 409, "ENVIRONMENT_EXISTS")


def test_a_filter_of_the_list_that_is_empty_lets_all_pass(
    owner: Caller, repository: str
) -> None:
    owner.environment(repositoryIdentifier=repository)
    all_of_it = owner.get("/environments", repositoryIdentifier=repository).json()
    here = f"repositoryIdentifier={repository}"
    for query in (
        f"category=&isActive=&branch=&tags=&{here}",
        f"{here}&branch=&isActive=&category=",
        f"{here}&category=&isActive=true",
    ):
        assert made(owner.get(f"/environments?{query}")) == all_of_it
    flat = owner.get(f"/environments?{here}&isActive=&category=test")
    assert flat.json() == all_of_it["test"]
    everything = owner.get("/environments?repositoryIdentifier=&category=&isActive=")
    assert made(everything).keys() == all_of_it.keys()


@pytest.mark.parametrize("spelled", [NFC, NFD, NFC.upper()])
def test_it_is_found_by_its_name_however_that_is_spelled(
    owner: Caller, repository: str, spelled: str
) -> None:
    created = owner.environment(name=NFD, repositoryIdentifier=repository)
    assert created["name"] == NFC
    assert by_name(owner, created | {"name": spelled}) == created


def test_a_username_serves_one_environment_of_a_repository(owner: Caller) -> None:
    first = owner.environment(salesforceUsername=owner.org())
    username, repository = first["salesforceUsername"], first["repositoryIdentifier"]
    second = {"repositoryIdentifier": repository, "name": "qa", "category": "test"}
    taken = owner.post("/environments", second | {"salesforceUsername": username})
    refused(taken, 409, "SALESFORCE_USERNAME_TAKEN")
    elsewhere = owner.environment(salesforceUsername=username)
    assert elsewhere["salesforceUsername"] == username


@pytest.mark.parametrize("field", ["salesforceUsername", "devHubUsername"])
def test_what_is_put_back_as_it_was_needs_no_org(owner: Caller, field: str) -> None:
    """Only a change of the username is validated, as the seed says."""
    username = owner.org()
    environment = owner.environment(**{field: username})
    gone = owner.delete("/auth/salesforce/org", username=username)
    assert gone.status_code == 204
    path = f"/environments/{environment['id']}"
    for same in username, username.upper():
        whole = {"name": environment["name"], "description": same, field: same}
        changed = made(owner.patch(path, whole))
        assert [changed["description"], changed[field]] == [same, same]
    other = owner.patch(path, {field: unique("nobody@acme.example")})
    refused(other, 404, "ORG_NOT_FOUND")
    other = owner.patch(path, {field: None})
    assert made(other)[field] is None
    refused(owner.patch(path, {field: username}), 404, "ORG_NOT_FOUND")


def test_the_newest_default_of_a_category_is_the_only_one(
    owner: Caller, repository: str
) -> None:
    here = {"repositoryIdentifier": repository, "isDefault": True}
    dev = owner.environment(name="dev", category="dev", **here)
    first, second = (owner.environment(name=name, **here) for name in ("a", "b"))
    assert [owner.look(e)["isDefault"] for e in (dev, first, second)] == [
        True,
        False,
        True,
    ]


def test_null_clears_what_may_be_empty(owner: Caller) -> None:
    environment = owner.environment(description="Acceptance", branch="main")
    path = f"/environments/{environment['id']}"
    cleared = made(owner.patch(path, {"description": None, "branch": None}))
    assert [cleared["description"], cleared["branch"]] == [None, None]
    assert refused(owner.patch(path, {"isActive": None}), 400)["field"] == "isActive"


def test_a_flag_takes_the_place_of_a_number(owner: Caller) -> None:
    environment = owner.environment(metadata={"scratch": 1})
    path = f"/environments/{environment['id']}"
    changed = made(owner.patch(path, {"metadata": {"scratch": True}}))
    assert changed["metadata"]["scratch"] is True
    assert owner.look(environment)["metadata"]["scratch"] is True


def test_a_change_says_who_made_it(api: Api, owner: Caller) -> None:
    environment = owner.environment()
    colleague = api.caller(Role.OWNER, "another-owner")
    path = f"/environments/{environment['id']}"
    changed = made(colleague.patch(path, {"tags": ["a", "b", "a"]}))
    assert changed["tags"] == ["a", "b"]
    assert [changed["createdBy"], changed["updatedBy"]] == [owner.name, colleague.name]


def test_a_locked_environment_can_be_neither_deleted_nor_deactivated(
    owner: Caller,
) -> None:
    environment = owner.environment()
    path = f"/environments/{environment['id']}"
    ticket = owner.lock(environment).hold()["ticketId"]
    refused(owner.patch(path, {"isActive": False}), 409, "ENVIRONMENT_LOCKED")
    refused(owner.delete(path), 409, "ENVIRONMENT_LOCKED")
    made(owner.patch(path, {"description": "still open to other changes"}))
    made(owner.lock(environment).release(ticket))
    made(owner.patch(path, {"isActive": False}))
    refused(owner.lock(environment).request(), 409, "ENVIRONMENT_INACTIVE")
    assert owner.delete(path).status_code == 204


def test_a_deleted_environment_leaves_name_username_and_audit(owner: Caller) -> None:
    first = owner.environment(salesforceUsername=owner.org())
    assert owner.delete(f"/environments/{first['id']}").status_code == 204
    for rest in "", "/audit":
        answer = owner.get(f"/environments/{first['id']}{rest}")
        refused(answer, 404, "ENVIRONMENT_NOT_FOUND")
    refused(owner.lock(first).request(), 404, "ENVIRONMENT_NOT_FOUND")
    same = ("repositoryIdentifier", "salesforceUsername")
    second = owner.environment(**{key: first[key] for key in same})
    assert second["id"] != first["id"]
    assert by_name(owner, first)["id"] == second["id"]


def test_a_name_is_looked_up_again_once_it_means_another(
    api: Api, other_api: Api
) -> None:
    """The other process remembers the name of before, and must not trust it."""
    owner, elsewhere = (process.caller(Role.OWNER, "o") for process in (api, other_api))
    first = owner.environment()
    elsewhere.lock_by_name(first).hold()
    made(owner.patch(f"/environments/{first['id']}", {"name": "qa"}))
    gone = elsewhere.lock_by_name(first).request()
    refused(gone, 404, "ENVIRONMENT_NOT_FOUND")

    second = owner.environment(repositoryIdentifier=first["repositoryIdentifier"])
    held = elsewhere.lock_by_name(second).hold()
    assert (held["environmentId"], held["fence"]) == (second["id"], 1)
    ticket = elsewhere.lock_by_name(first | {"name": "qa"}).ticket()
    assert made(elsewhere.lock(first).look(ticket))["status"] == "queued"


def names(owner: Caller, **query: str | list[str]) -> list[str]:
    found = owner.get("/environments", **query).json()
    groups = [found] if isinstance(found, list) else found.values()
    return [environment["name"] for group in groups for environment in group]


def by_name(owner: Caller, environment: Json) -> Json:
    query = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    return made(owner.get(f"/environments/by-name/{environment['name']}", **query))
