"""Repositories: registered once, changed by owners, removed when they are empty."""

from __future__ import annotations

import pytest

from tests.support.client import Caller, made, refused, unique


def test_a_repository_is_shown_as_it_was_registered(owner: Caller) -> None:
    name = unique("acme/shop")
    url = f"https://gitlab.com/{name}.git"
    answer = owner.post("/projects", {"identifier": name, "remoteUrl": url})
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "identifier": name,
        "remoteUrl": url,
        "platform": "gitlab",
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
        "version": 1,
        "configuration": {},
    }
    assert shown in owner.get("/projects").json()


def test_its_slash_may_be_written_either_way(owner: Caller) -> None:
    name = owner.repository()
    escaped = made(owner.get(f"/projects/{name.replace('/', '%2F')}"))
    assert escaped == made(owner.get(f"/projects/{name}"))
    assert escaped["identifier"] == name


EMPTY = ["//{}", "/{}//{}", "/{}%2F%2F{}", "/%2F{}"]


@pytest.mark.parametrize("path", EMPTY)
def test_a_path_with_an_empty_part_leads_to_no_other(owner: Caller, path: str) -> None:
    """Such as that of a script whose variable for the owner is empty."""
    single = unique("shop")
    made(owner.post("/projects", {"identifier": single, "remoteUrl": "https://a.b"}))
    of, _, its = owner.repository().partition("/")
    path = path.format(of, its) if path.count("{}") > 1 else path.format(single)
    for answer in (
        owner.get(f"/projects{path}"),
        owner.patch(f"/projects{path}", {"configuration": {"depth": 2}}),
        owner.delete(f"/projects{path}"),
        owner.get(f"/environments/repository{path}/audit"),
        owner.get(f"/repositories{path}/holds"),
    ):
        refused(answer, 404, "REPOSITORY_NOT_FOUND")
    assert made(owner.get(f"/projects/{single}/"))["version"] == 1
    assert made(owner.get(f"/%2Fprojects/{of}/{its}"))["version"] == 1


def test_a_slash_before_it_makes_it_another(owner: Caller) -> None:
    query = {"repositoryIdentifier": f"/{owner.repository()}", "category": "test"}
    path = "/environments/orchestration-order"
    refused(owner.get(path, **query), 404, "REPOSITORY_NOT_FOUND")


def test_its_url_may_be_as_long_as_is_published(owner: Caller) -> None:
    longest = "https://github.com/acme/".ljust(2_000, "x")
    body = {"identifier": unique("acme/long"), "remoteUrl": longest}
    assert made(owner.post("/projects", body))["remoteUrl"] == longest
    path = f"/projects/{body['identifier']}"
    longest = longest.replace("github", "gitlab")
    assert made(owner.patch(path, {"remoteUrl": longest}))["remoteUrl"] == longest
    longer = {"remoteUrl": longest + "x"}
    for answer in owner.patch(path, longer), owner.post("/projects", body | longer):
        assert refused(answer, 400, "INVALID")["field"] == "remoteUrl"


@pytest.mark.parametrize(
    "user",
    ["x-access-token:{}", ":{}", "git%3Alab:{}", "ghp_{}", "github_pat_{}"],
)
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(
    owner: Caller, user: str
) -> None:
    """Every member would see it, and the journal keeps it for ever."""
    secret = unique("secret").replace("-", "")
    url = {"remoteUrl": f"https://{user.format(secret)}@github.com/acme/shop"}
    name = owner.repository()
    body = {"identifier": unique("acme/shop")}
    for answer in (
        owner.post("/projects", body | url),
        owner.patch(f"/projects/{name}", url),
    ):
        assert refused(answer, 400, "INVALID")["field"] == "remoteUrl"
        assert secret not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "https://acme@dev.azure.com/acme/shop/_git/shop",
        "https://deploy@bitbucket.org/acme/shop.git",
        "ssh://git@github.com:22/acme/shop.git",
        "git@github.com:acme/shop.git",
    ],
)
def test_a_user_s_name_is_no_secret(owner: Caller, url: str) -> None:
    body = {"identifier": unique("acme/shop"), "remoteUrl": url}
    assert made(owner.post("/projects", body))["remoteUrl"] == url


def test_registering_it_again_in_whatever_case_is_a_conflict(owner: Caller) -> None:
    name = owner.repository()
    for twin in name, name.upper():
        body = {"identifier": twin, "remoteUrl": "https://github.com/acme/shop"}
        refused(owner.post("/projects", body), 409, "REPOSITORY_EXISTS")


def test_a_change_touches_only_what_is_given_and_raises_the_version(
    owner: Caller,
) -> None:
    path = f"/projects/{owner.repository()}"
    before = made(owner.get(path))
    after = made(owner.patch(path, {"configuration": {"depth": 2}}))
    changed = {"configuration": {"depth": 2}, "version": 2}
    assert after == before | changed | {"updatedAt": after["updatedAt"]}
    assert made(owner.patch(path, {})) == after


def test_a_repository_with_environments_stays(owner: Caller) -> None:
    environment = owner.environment()
    path = f"/projects/{environment['repositoryIdentifier']}"
    refused(owner.delete(path), 409, "REPOSITORY_IN_USE")
    assert owner.delete(f"/environments/{environment['id']}").status_code == 204
    assert owner.delete(path).status_code == 204
    refused(owner.get(path), 404, "REPOSITORY_NOT_FOUND")


def test_a_removed_identifier_is_free_again(owner: Caller) -> None:
    name = owner.repository()
    assert owner.delete(f"/projects/{name}").status_code == 204
    body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
    assert made(owner.post("/projects", body))["version"] == 1


def test_what_is_not_there_can_be_neither_changed_nor_removed(owner: Caller) -> None:
    path = f"/projects/{unique('acme/nothing')}"
    for answer in owner.get(path), owner.patch(path, {}), owner.delete(path):
        refused(answer, 404, "REPOSITORY_NOT_FOUND")
