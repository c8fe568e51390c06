"""Salesforce orgs: registered with an auth URL that nobody but a holder sees again."""

from __future__ import annotations

import pytest

from tests.support.client import AUTH_URL, Caller, Json, refused, unique
from tests.support.running import Installation


def test_an_org_is_shown_without_its_auth_url(owner: Caller) -> None:
    body = {"username": unique("hub@acme.example"), "sfdxAuthUrl": AUTH_URL}
    answer = owner.post("/auth/salesforce/register", body)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "username": body["username"],
        "instanceUrl": None,
        "isDevHub": False,
        "isDefault": False,
        "metadata": {},
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
    }
    assert orgs(owner)[body["username"]] == shown


def test_registering_it_again_updates_it(owner: Caller) -> None:
    username = owner.org(metadata={"tier": "sandbox"})
    before = orgs(owner)[username]
    owner.org(username=username, instanceUrl="https://acme.my.salesforce.com")
    after = orgs(owner)[username]
    assert after["instanceUrl"] == "https://acme.my.salesforce.com"
    assert after["metadata"] == {}
    assert after["createdAt"] == before["createdAt"]


def test_the_newest_auth_url_is_the_one_that_a_holder_gets(
    owner: Caller, application: Caller
) -> None:
    username = owner.org()
    newer = AUTH_URL.replace("5Aep861", "5Aep862")
    owner.org(newer, username=username)
    environment = owner.environment(salesforceUsername=username)
    assert application.lock(environment).hold()["sfdxAuthUrl"] == newer


def test_there_is_one_default_dev_hub(owner: Caller) -> None:
    first = owner.org(isDevHub=True, isDefault=True)
    second = owner.org(isDevHub=True, isDefault=True)
    known = orgs(owner)
    assert [known[first]["isDefault"], known[second]["isDefault"]] == [False, True]


def test_only_a_dev_hub_can_be_the_default(owner: Caller) -> None:
    body = {"username": "a", "sfdxAuthUrl": AUTH_URL, "isDefault": True}
    answer = owner.post("/auth/salesforce/register", body)
    assert refused(answer, 400)["field"] == "isDefault"


@pytest.mark.parametrize(
    "url",
    [
        "https://login.salesforce.com",
        "force://only@host",
        "force://id:secret:@host",
        "force://id:secret:token@host/path",
        "force://id:secret:token@host\nforce://id:secret:token@host",
    ],
)
def test_an_auth_url_of_another_form_is_refused_and_not_repeated(
    owner: Caller, url: str
) -> None:
    body = {"username": "a", "sfdxAuthUrl": url}
    refusal = refused(owner.post("/auth/salesforce/register", body), 400)
    assert refusal["field"] == "sfdxAuthUrl"
    assert url not in refusal["message"]


def test_a_removed_org_takes_its_credential_along(
    owner: Caller, application: Caller, installation: Installation
) -> None:
    username = owner.org()
    environment = owner.environment(salesforceUsername=username)
    before = credentials(installation)
    answer = owner.delete("/auth/salesforce/org", username=username.upper())
    assert answer.status_code == 204
    assert len(before - credentials(installation)) == 1
    assert username not in orgs(owner)
    refused(owner.delete("/auth/salesforce/org", username=username), 404)
    assert application.lock(environment).hold()["sfdxAuthUrl"] is None


def test_registering_again_erases_the_credential_before(
    owner: Caller, installation: Installation
) -> None:
    username = owner.org()
    before = credentials(installation)
    owner.org(username=username)
    assert len(before - credentials(installation)) == 1


def orgs(owner: Caller) -> dict[str, Json]:
    """The registered orgs by their usernames."""
    answer = owner.get("/auth/salesforce/orgs")
    assert answer.status_code == 200
    return {org["username"]: org for org in answer.json()}


def credentials(installation: Installation) -> set[str]:
    return {row["id"] for row in installation.query("SELECT id FROM credential")}
