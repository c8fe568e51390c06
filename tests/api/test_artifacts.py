"""What is installed in an org: asked for once an hour, shared, and told truthfully."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from domain.roles import Role
from tests.support.client import Json, made, refused
from tests.support.fake_org.org import Org, Reply, artifact, package, rest_error
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Installation, until
from tests.support.salesforce import FULL, Site, site
from workers.salesforce.inventory import ASKED_AT_ONCE_MAX

HOUR_AGO = "UPDATE artifact_cache SET retrieved_at = retrieved_at - interval '1 hour'"


def test_what_sfp_recorded_and_the_packages_are_told_together(here: Site) -> None:
    answer = made(here.caller(Role.MEMBER).get(f"{here.path}/artifacts"))
    assert answer == {
        "environmentId": here.environment["id"],
        "environmentName": here.environment["name"],
        "salesforceUsername": here.org.username,
        "artifacts": [
            {
                "name": "core",
                "version": "2.1.0-7",
                "commitId": "0a51640",
                "subscriberVersion": None,
                "type": "source",
                "isInstalledBysfp": True,
            },
            {
                "name": "billing",
                "version": "1.2.0.7",
                "commitId": "53cb98f",
                "subscriberVersion": "04t000000000001",
                "type": "unlocked",
                "isInstalledBysfp": True,
            },
            {
                "name": "Charts",
                "version": "1.2.0.7",
                "commitId": None,
                "subscriberVersion": "04t000000000002",
                "type": "managed",
                "isInstalledBysfp": False,
            },
        ],
        "retrievedAt": answer["retrievedAt"],
        "cached": False,
    }


def test_an_hour_long_nobody_asks_again_unless_told_to(here: Site) -> None:
    first = artifacts(here)
    assert artifacts(here) == first | {"cached": True}
    by_name = f"/environments/by-name/{here.environment['name']}/artifacts"
    repository = here.environment["repositoryIdentifier"]
    caller = here.caller(Role.APPLICATION)
    named = made(caller.get(by_name, repositoryIdentifier=repository))
    assert named == first | {"cached": True}
    assert here.org.asked["query"] == 1
    here.org.artifacts.append(artifact("new", "1", "c"))
    fresh = artifacts(here, forceRefresh="true")
    assert not fresh["cached"]
    assert instant(fresh["retrievedAt"]) > instant(first["retrievedAt"])
    assert len(fresh["artifacts"]) == len(first["artifacts"]) + 1
    assert artifacts(here) == fresh | {"cached": True}
    assert here.org.asked["query"] == 2


def test_who_asks_the_org_over_and_over_is_told_to_stop(here: Site) -> None:
    for _ in range(ASKED_AT_ONCE_MAX):
        assert not artifacts(here, forceRefresh="true")["cached"]
    member = here.caller(Role.MEMBER)
    answer = member.get(f"{here.path}/artifacts", forceRefresh="true")
    refused(answer, 429, "ORG_ASKED_TOO_OFTEN")
    assert answer.headers["retry-after"] == "60"
    assert here.org.asked["query"] == ASKED_AT_ONCE_MAX
    assert artifacts(here)["cached"]


def test_after_an_hour_it_is_asked_again(
    here: Site, installation: Installation
) -> None:
    artifacts(here)
    installation.query(f"{HOUR_AGO} RETURNING 1")
    assert not artifacts(here)["cached"]
    assert here.org.asked["query"] == 2


def test_another_process_knows_it_too(
    here: Site, installation: Installation, salesforce: FakeSalesforce
) -> None:
    first = artifacts(here)
    settings = FULL | {"BERTH_SALESFORCE_HOSTS": salesforce.origin}
    with installation.api("asking-api-2", **settings) as other:
        answer = other.caller(Role.MEMBER).get(f"{here.path}/artifacts")
        assert made(answer) == first | {"cached": True}


def test_an_org_registered_again_is_asked_again(here: Site) -> None:
    artifacts(here)
    here.caller(Role.OWNER).org(here.org.auth_url, username=here.org.username)
    assert not artifacts(here)["cached"]


def test_many_who_ask_at_once_cause_one_query(
    here: Site, pool: ThreadPoolExecutor
) -> None:
    here.org.gate.clear()
    caller = here.caller(Role.MEMBER)
    asking = [pool.submit(caller.get, f"{here.path}/artifacts") for _ in range(5)]
    until(lambda: here.org.asked["token"] > 1)
    here.org.gate.set()
    answers = [made(one.result()) for one in asking]
    assert {len(answer["artifacts"]) for answer in answers} == {3}
    assert here.org.asked["query"] == here.org.asked["tooling"] == 1


def test_every_page_is_read(here: Site) -> None:
    here.org.page_size = 7
    here.org.artifacts = [artifact(f"a{n:03}", "1", "c") for n in range(50)]
    here.org.packages = [package(f"p{n:03}", f"04t{n:012}") for n in range(20)]
    names = [one["name"] for one in artifacts(here)["artifacts"]]
    assert names == [f"a{n:03}" for n in range(50)] + [f"p{n:03}" for n in range(20)]
    assert here.org.asked["query"] == 8


def test_a_session_that_ends_between_two_pages_is_exchanged(here: Site) -> None:
    here.org.page_size = 1
    here.org.script("tooling", rest_error(401, "INVALID_SESSION_ID"))
    assert len(artifacts(here)["artifacts"]) == 3


def test_it_is_on_record_as_a_read(here: Site) -> None:
    caller = here.caller(Role.MEMBER)
    made(caller.get(f"{here.path}/artifacts"))
    reads = here.caller(Role.OWNER).audit(here.environment, accessType="read")
    assert [record["accessed_by"] for record in reads] == [caller.name]


def test_an_org_without_the_object_is_a_refusal_that_says_so(here: Site) -> None:
    here.org.has_artifact_object = False
    message = refusal(here)
    assert "no SfpowerscriptsArtifact2__c" in message
    assert "install the sfp artifact package" in message


@pytest.mark.parametrize(
    ("endpoint", "trouble", "why"),
    [
        ("query", rest_error(400, "INSUFFICIENT_ACCESS_OR_READONLY"), "may not see it"),
        ("query", rest_error(403, "REQUEST_LIMIT_EXCEEDED"), "REQUEST_LIMIT_EXCEEDED"),
        ("query", rest_error(403, "<script>"), "(403)"),
        ("query", Reply(200, raw=b"\xff\x00garbage"), "makes no sense"),
        ("query", Reply(200, {"records": [{"Name": 7}]}), "makes no sense"),
        ("query", Reply(200, {"records": {"Name": "a"}}), "makes no sense"),
        ("query", Reply(200, endless=True), "more than 4 MiB"),
        ("query", Reply(hang_up=True), "broke off"),
        ("query", Reply(503), "too much to do"),
        (
            "query",
            Reply(200, {"records": [], "nextRecordsUrl": "//evil.example/x"}),
            "no next page",
        ),
        (
            "query",
            Reply(200, {"records": [], "nextRecordsUrl": "/services/data/../x"}),
            "no next page",
        ),
        (
            "query",
            Reply(
                200,
                {"records": [], "nextRecordsUrl": "/services/data/v62.0/query/01g-0"},
            ),
            "more of SfpowerscriptsArtifact2__c than can be read",
        ),
        ("tooling", rest_error(400, "INVALID_TYPE"), "no InstalledSubscriberPackage"),
        ("tooling", Reply(200, {"records": [{}]}), "makes no sense"),
        ("token", Reply(400, {"error": "invalid_grant"}), "register the org again"),
    ],
)
def test_a_failure_is_a_refusal_with_a_reason(
    here: Site, endpoint: str, trouble: Reply, why: str
) -> None:
    here.org.always[endpoint] = trouble
    message = refusal(here)
    assert why in message
    assert "told by the org" not in message
    here.org.always.clear()
    assert not artifacts(here)["cached"]


def test_odd_names_are_told_as_they_are(here: Site) -> None:
    here.org.artifacts = [artifact("a\0b\u202e\U0001f6a2", "1", "c")]
    for cached in False, True:
        told = artifacts(here)
        assert told["cached"] is cached
        assert told["artifacts"][0]["name"] == "a\0b\u202e\U0001f6a2"


def test_an_environment_without_an_org_has_none(here: Site) -> None:
    plain = here.caller(Role.OWNER).environment()
    answer = here.caller(Role.MEMBER).get(f"/environments/{plain['id']}/artifacts")
    assert refused(answer, 400)["message"] == (
        "Unable to retrieve artifacts: this environment has no Salesforce org"
    )
    assert not here.org.asked["query"]


def test_a_forgotten_org_leaves_no_cache(
    here: Site, org: Org, installation: Installation
) -> None:
    artifacts(here)
    before = len(installation.query("SELECT FROM artifact_cache"))
    other = site(here.api, org)
    assert other.org is here.org
    assert len(installation.query("SELECT FROM artifact_cache")) == before - 1


def artifacts(here: Site, **query: str) -> Json:
    return made(here.caller(Role.MEMBER).get(f"{here.path}/artifacts", **query))


def refusal(here: Site) -> str:
    answer = here.caller(Role.MEMBER).get(f"{here.path}/artifacts")
    message = str(refused(answer, 400, "SALESFORCE_REFUSED")["message"])
    assert message.startswith("Unable to retrieve artifacts: ")
    return message


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
