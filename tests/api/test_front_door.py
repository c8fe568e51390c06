"""The front door: a redirect into the org, on record, for nobody's history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.ids import new_id
from domain.roles import Role
from tests.support.client import made, refused, unique
from tests.support.fake_org.org import BUSY, Reply, oauth_error
from tests.support.running import until
from tests.support.salesforce import Site


@pytest.mark.parametrize("role", [Role.APPLICATION, Role.OWNER])
def test_it_redirects_to_a_url_that_works_once(here: Site, role: Role) -> None:
    caller = here.caller(role)
    answer = caller.get(f"{here.path}/frontdoor", retURL="/lightning/page/home")
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    url = urlsplit(answer.headers["location"])
    assert f"{url.scheme}://{url.netloc}" == here.org.instance_url
    query = parse_qs(url.query)
    assert query["startURL"] == ["/lightning/page/home"]
    assert query["otp"]
    owner = here.caller(Role.OWNER)
    [record] = owner.audit(here.environment, accessType="frontdoor")
    assert record["accessed_by"] == caller.name
    assert record["access_details"] == {
        "action": "front_door_opened",
        "salesforce_username": here.org.username,
    }


def test_it_tells_the_url_instead(here: Site) -> None:
    caller = here.caller(Role.APPLICATION)
    answer = caller.get(f"{here.path}/frontdoor", redirect="false")
    assert answer.status_code == 200
    assert set(made(answer)) == {"url"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_older_way_serves_an_app_without_the_scope(here: Site) -> None:
    here.org.has_single_access = False
    caller = here.caller(Role.APPLICATION)
    path = "/lightning/setup/x/page?address=%2Fa&b=c"
    answer = caller.get(f"{here.path}/frontdoor", redirect="false", retURL=path)
    url = urlsplit(made(answer)["url"])
    assert url.path == "/secur/frontdoor.jsp"
    query = parse_qs(url.query, strict_parsing=True)
    assert query["retURL"] == [path]
    assert query["sid"][0] in here.org.tokens


def test_a_session_that_the_org_has_ended_opens_no_door(here: Site) -> None:
    owner = here.caller(Role.OWNER)
    made(owner.get(f"{here.path}/frontdoor", redirect="false"))
    before = here.org.asked["token"]
    here.org.end_sessions()
    url = urlsplit(made(owner.get(f"{here.path}/frontdoor", redirect="false"))["url"])
    assert set(parse_qs(url.query)) == {"otp", "startURL"}
    assert here.org.asked["token"] == before + 1


def test_a_user_for_the_api_only_has_none(here: Site) -> None:
    """The org says of its good token that it is a bad one."""
    here.org.is_api_only = True
    owner = here.caller(Role.OWNER)
    before = here.org.asked["token"]
    for _ in range(2):
        answer = refused(owner.get(f"{here.path}/frontdoor"), 400)
        assert "API Only" in answer["message"]
    assert here.org.asked["token"] == before + 1
    here.org.end_sessions()
    held = here.caller(Role.APPLICATION).lock(here.environment).hold()
    assert held["accessToken"] in here.org.tokens
    assert held["frontDoorUrl"] is None
    assert here.org.asked["token"] == before + 2


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/%2Fevil.example",
        "/%252Fevil.example",
        "/%5Cevil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "/a\r\nset-cookie:b",
        "/..//evil.example",
        "/%2e%2e//evil.example",
        "/\uff0fevil.example",
        "/%ff",
        "/a b",
        "/" + "a" * 2_000,
    ],
)
def test_a_way_out_is_refused_before_salesforce_is_asked(here: Site, path: str) -> None:
    asked = here.org.asked.copy()
    caller = here.caller(Role.APPLICATION)
    answer = caller.get(f"{here.path}/frontdoor", retURL=path)
    assert refused(answer, 400, "INVALID")["field"] == "retURL"
    answer = caller.ask("HEAD", f"{here.path}/frontdoor", retURL=path)
    assert answer.status_code == 400
    assert here.org.asked == asked


def test_a_head_opens_nothing(here: Site) -> None:
    asked = here.org.asked.copy()
    answer = here.caller(Role.APPLICATION).ask("HEAD", f"{here.path}/frontdoor")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert "location" not in answer.headers
    assert here.org.asked == asked
    owner = here.caller(Role.OWNER)
    assert not owner.audit(here.environment, accessType="frontdoor")
    nowhere = f"/environments/{new_id()}/frontdoor"
    assert owner.ask("HEAD", nowhere).status_code == 404


@pytest.mark.parametrize(
    ("endpoint", "trouble", "why"),
    [
        ("token", oauth_error("invalid_grant", "expired access/refresh token"),
            "the refresh token has expired"),
        ("token", oauth_error("invalid_grant", "inactive user"), "user is inactive"),
        ("token", oauth_error("invalid_grant", BUSY), "try again later"),
        ("token", oauth_error("invalid_client", "x"), "client secret"),
        ("token", Reply(429), "too much to do"),
        ("token", Reply(hang_up=True), "broke off"),
        ("token", Reply(200, endless=True), "more than 4 MiB"),
        ("token", Reply(200, raw=b"{"), "no access token"),
        ("token", Reply(302, headers=(("location", "/"),)), "302"),
        ("singleaccess", Reply(500), "no front door"),
        ("singleaccess", Reply(302, headers=(("location", "/"),)), "no front door"),
        ("singleaccess", Reply(200, {"frontdoor_uri": "https://evil.example/"}),
            "its host is not one of Salesforce's"),
        ("singleaccess", Reply(200, {"frontdoor_uri": "http://[a"}), "not one"),
        ("singleaccess", Reply(200, {"frontdoor_uri": 7}), "no front door"),
        ("singleaccess", Reply(401), "refuses the access token it just issued"),
    ],
)  # fmt: skip
def test_a_failure_is_a_refusal_with_a_reason_and_no_secret(
    here: Site, endpoint: str, trouble: Reply, why: str
) -> None:
    here.org.always[endpoint] = trouble
    owner = here.caller(Role.OWNER)
    answer = owner.get(f"{here.path}/frontdoor", redirect="false")
    message = refused(answer, 400, "SALESFORCE_REFUSED")["message"]
    assert message.startswith("Unable to generate frontdoor URL: ")
    assert why in message
    assert not any(secret in answer.text for secret in secrets_of(here))
    assert not owner.audit(here.environment, accessType="frontdoor")


def test_what_is_busy_is_asked_again(here: Site) -> None:
    here.org.script("token", Reply(503), Reply(429, headers=(("retry-after", "0"),)))
    before = here.org.asked["token"]
    made(here.caller(Role.OWNER).get(f"{here.path}/frontdoor", redirect="false"))
    assert here.org.asked["token"] == before + 3


def test_so_is_what_is_at_another_s_request_with_the_same_auth_url(here: Site) -> None:
    """Such as a pipeline's own, which was told it."""
    here.org.script("token", *[oauth_error("invalid_grant", BUSY)] * 2)
    before = here.org.asked["token"]
    made(here.caller(Role.OWNER).get(f"{here.path}/frontdoor", redirect="false"))
    assert here.org.asked["token"] == before + 3


def test_what_is_refused_is_not_asked_again(here: Site) -> None:
    here.org.always["token"] = Reply(500)
    before = here.org.asked["token"]
    refused(here.caller(Role.OWNER).get(f"{here.path}/frontdoor"), 400)
    assert here.org.asked["token"] == before + 1


def test_an_environment_without_an_org_has_no_front_door(here: Site) -> None:
    owner = here.caller(Role.OWNER)
    plain = owner.environment()
    answer = refused(owner.get(f"/environments/{plain['id']}/frontdoor"), 400)
    assert answer["message"] == (
        "Unable to generate frontdoor URL: this environment has no Salesforce org"
    )
    refused(owner.get(f"/environments/{new_id()}/frontdoor"), 404)


def test_a_removed_org_has_none_either(here: Site) -> None:
    owner = here.caller(Role.OWNER)
    assert owner.delete("/auth/salesforce/org", username=here.org.username).is_success
    answer = refused(owner.get(f"{here.path}/frontdoor"), 400)
    assert "no Salesforce org is registered" in answer["message"]


def test_a_token_revoked_meanwhile_opens_no_door(
    here: Site, pool: ThreadPoolExecutor
) -> None:
    owner = here.caller(Role.OWNER)
    issued = made(owner.post("/application-tokens", {"name": unique("ci")}))
    asked = here.org.asked["token"]
    here.org.gate.clear()
    caller = here.api.bearing(issued["token"])
    opening = pool.submit(caller.get, f"{here.path}/frontdoor")
    until(lambda: here.org.asked["token"] > asked)
    assert owner.delete(f"/application-tokens/{issued['id']}").is_success
    here.org.gate.set()
    refused(opening.result(), 401)
    assert not owner.audit(here.environment, accessType="frontdoor")


def secrets_of(here: Site) -> set[str]:
    return {here.org.refresh_token, *here.org.given}
