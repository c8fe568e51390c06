"""Credentials of an org: for the holder, or on demand; always on record before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.roles import Role
from tests.support.client import made, refused, unique
from tests.support.fake_org.org import Org, Reply
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Installation, until
from tests.support.salesforce import ERASE_LATEST, FULL, Site, site


def test_the_holder_is_told_all_there_is(here: Site) -> None:
    held = here.caller(Role.APPLICATION).lock(here.environment).hold()
    assert held["sfdxAuthUrl"] == here.org.auth_url
    assert held["accessToken"] in here.org.tokens
    assert held["instanceUrl"] == here.org.instance_url
    url = urlsplit(held["frontDoorUrl"])
    assert url.path == "/secur/frontdoor.jsp"
    assert set(parse_qs(url.query)) == {"otp", "startURL"}
    owner = here.caller(Role.OWNER)
    [record] = owner.audit(here.environment, accessType="credentials")
    assert record["access_details"]["action"] == "credentials_disclosed"


def test_a_token_is_exchanged_once_for_many_holders(here: Site) -> None:
    before = here.org.asked["token"]
    lock = here.caller(Role.APPLICATION).lock(here.environment)
    first = lock.hold()
    lock.release(first["ticketId"])
    second = lock.hold()
    assert first["accessToken"] == second["accessToken"]
    assert first["frontDoorUrl"] != second["frontDoorUrl"]
    assert here.org.asked["token"] == before + 1


def test_a_session_that_the_org_has_ended_is_exchanged_once_more(here: Site) -> None:
    lock = here.caller(Role.APPLICATION).lock(here.environment)
    first = lock.hold()
    here.org.end_sessions()
    second = made(lock.acquire(first["ticketId"], 0))
    assert second["accessToken"] != first["accessToken"]
    assert second["accessToken"] in here.org.tokens
    assert second["frontDoorUrl"]


def test_a_token_that_says_when_it_ends_is_not_kept_beyond(here: Site) -> None:
    here.org.expires_in = 30
    lock = here.caller(Role.APPLICATION).lock(here.environment)
    held = lock.hold()
    before = here.org.asked["token"]
    made(lock.acquire(held["ticketId"], 0))
    assert here.org.asked["token"] > before


def test_a_rotated_refresh_token_is_kept_and_told(here: Site) -> None:
    lock = here.caller(Role.APPLICATION).lock(here.environment)
    here.org.rotates = True
    first = lock.hold()
    assert first["sfdxAuthUrl"] == here.org.auth_url
    here.org.end_sessions()
    second = made(lock.acquire(first["ticketId"], 0))
    assert second["sfdxAuthUrl"] == here.org.auth_url != first["sfdxAuthUrl"]
    assert second["accessToken"] in here.org.tokens


def test_a_rotation_at_registration_is_kept(
    salesforce: FakeSalesforce, here: Site
) -> None:
    org = salesforce.org(unique("rotating@acme.example"), rotates=True)
    rotating = site(here.api, org)
    held = rotating.caller(Role.APPLICATION).lock(rotating.environment).hold()
    assert held["sfdxAuthUrl"] == org.auth_url


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500),
        Reply(200, raw=b"<html>not json</html>"),
        Reply(200, ["not", "an", "object"]),
        Reply(400, {"error": "invalid_grant"}),
        Reply(302, headers=(("location", "http://127.0.0.1:1/"),)),
        Reply(200, endless=True),
        Reply(hang_up=True),
    ],
    ids=["error", "html", "list", "refusal", "redirect", "endless", "broken"],
)
def test_without_salesforce_the_lock_is_acquired_all_the_same(
    here: Site, trouble: Reply
) -> None:
    here.org.always["token"] = trouble
    held = here.caller(Role.APPLICATION).lock(here.environment).hold()
    assert held["status"] == "acquired"
    assert held["sfdxAuthUrl"] == here.org.auth_url
    assert [held[k] for k in ("accessToken", "instanceUrl", "frontDoorUrl")] == [
        None,
        None,
        None,
    ]


def test_a_slow_org_keeps_the_holder_waiting_for_a_moment_only(here: Site) -> None:
    here.org.gate.clear()
    held = (
        here.caller(Role.APPLICATION)
        .lock(here.environment)
        .hold(leaseDurationSeconds=600)
    )
    assert held["accessToken"] is None
    assert held["expiresInSeconds"] > 580


def test_an_instance_elsewhere_gets_no_token(here: Site) -> None:
    here.org.instance_url = "http://169.254.169.254"
    held = here.caller(Role.APPLICATION).lock(here.environment).hold()
    assert held["accessToken"] is None


def test_a_lock_taken_away_meanwhile_ends_without_credentials(
    here: Site, pool: ThreadPoolExecutor
) -> None:
    lock = here.caller(Role.APPLICATION).lock(here.environment)
    ticket = lock.ticket()
    asked = here.org.asked["token"]
    here.org.gate.clear()
    acquiring = pool.submit(lock.acquire, ticket, 0)
    until(lambda: here.org.asked["token"] > asked)
    made(here.caller(Role.OWNER).lock(here.environment).release(ticket))
    here.org.gate.set()
    answer = acquiring.result()
    refused(answer, 404, "TICKET_ENDED")
    assert here.org.refresh_token not in answer.text


def test_a_token_revoked_meanwhile_gets_no_credentials(
    here: Site, pool: ThreadPoolExecutor
) -> None:
    owner = here.caller(Role.OWNER)
    issued = made(owner.post("/application-tokens", {"name": unique("ci")}))
    lock = here.api.bearing(issued["token"]).lock(here.environment)
    ticket = lock.ticket()
    asked = here.org.asked["token"]
    here.org.gate.clear()
    acquiring = pool.submit(lock.acquire, ticket, 0)
    reading = pool.submit(lock.caller.get, here.path, authType="accessToken")
    until(lambda: here.org.asked["token"] > asked)
    assert owner.delete(f"/application-tokens/{issued['id']}").is_success
    here.org.gate.set()
    for answer in acquiring.result(), reading.result():
        refused(answer, 401)
        assert not any(token in answer.text for token in here.org.given)


@pytest.mark.parametrize("role", [Role.APPLICATION, Role.OWNER])
def test_one_kind_of_credential_on_demand(here: Site, role: Role) -> None:
    caller = here.caller(role)
    environment = here.environment
    by_name = f"/environments/by-name/{environment['name']}"
    repository = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    plain = made(caller.get(here.path))
    for path, query in (here.path, {}), (by_name, repository):
        token = made(caller.get(path, authType="accessToken", **query))
        assert token["accessToken"] in here.org.tokens
        assert token | plain == token
        assert token.keys() - plain.keys() == {"accessToken", "instanceUrl"}
        url = made(caller.get(path, authType="sfdxAuthUrl", **query))
        assert url == plain | {"sfdxAuthUrl": here.org.auth_url}
    told = here.caller(Role.OWNER).audit(environment, accessType="credentials")
    kinds = [record["access_details"]["kind"] for record in told]
    assert kinds == ["sfdxAuthUrl", "accessToken"] * 2
    assert {record["accessed_by"] for record in told} == {caller.name}


def test_a_token_on_demand_is_one_that_the_org_still_takes(here: Site) -> None:
    caller = here.caller(Role.APPLICATION)
    first = made(caller.get(here.path, authType="accessToken"))["accessToken"]
    assert made(caller.get(here.path, authType="accessToken"))["accessToken"] == first
    here.org.end_sessions()
    second = made(caller.get(here.path, authType="accessToken"))["accessToken"]
    assert second in here.org.tokens
    assert second != first


def test_a_member_is_told_none_and_that_is_on_record(here: Site) -> None:
    member = here.caller(Role.MEMBER)
    asked = here.org.asked.copy()
    for kind in "accessToken", "sfdxAuthUrl":
        refused(member.get(here.path, authType=kind), 403, "FORBIDDEN")
    owner = here.caller(Role.OWNER)
    assert owner.audit(here.environment, accessType="refused")
    assert not owner.audit(here.environment, accessType="credentials")
    assert here.org.asked == asked


def test_what_cannot_be_had_on_demand_is_a_refusal(here: Site) -> None:
    here.org.is_expired = True
    owner = here.caller(Role.OWNER)
    answer = refused(owner.get(here.path, authType="accessToken"), 400)
    assert "the refresh token has expired" in answer["message"]
    assert not owner.audit(here.environment, accessType="credentials")
    plain = owner.environment()
    answer = refused(
        owner.get(f"/environments/{plain['id']}", authType="sfdxAuthUrl"), 400
    )
    assert "no Salesforce org" in answer["message"]


def test_what_was_erased_a_moment_ago_is_a_refusal(
    here: Site, installation: Installation
) -> None:
    installation.query(ERASE_LATEST)
    owner = here.caller(Role.OWNER)
    for kind in "accessToken", "sfdxAuthUrl":
        answer = refused(owner.get(here.path, authType=kind), 400)
        assert "was removed or registered again" in answer["message"]
    assert not owner.audit(here.environment, accessType="credentials")


def test_an_installation_may_hand_out_access_tokens_only(
    installation: Installation, salesforce: FakeSalesforce, org: Org
) -> None:
    settings = FULL | {
        "BERTH_SALESFORCE_HOSTS": salesforce.origin,
        "BERTH_CREDENTIALS": "accessToken",
    }
    with installation.api("token-api", **settings) as api:
        careful = site(api, org)
        caller = careful.caller(Role.APPLICATION)
        held = caller.lock(careful.environment).hold()
        assert held["sfdxAuthUrl"] is None
        assert held["accessToken"] in org.tokens
        refused(caller.get(careful.path, authType="sfdxAuthUrl"), 403)
        told = made(caller.get(careful.path, authType="accessToken"))
        assert told["accessToken"] == held["accessToken"]
