"""An org is registered once Salesforce says that the auth URL is its username's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx2 import Response

from domain.roles import Role
from tests.support.client import Caller, made, refused, unique
from tests.support.fake_org.org import Org, Reply, oauth_error
from tests.support.fake_org.server import FakeSalesforce
from tests.support.issuer import Issuer, rule, trust_file
from tests.support.running import Api, Installation, free_port

PATH = "/auth/salesforce/register"


@pytest.fixture
def registrar(asking: Api) -> Caller:
    return asking.caller(Role.OWNER)


def test_the_org_s_own_address_is_kept(registrar: Caller, org: Org) -> None:
    told = {"instanceUrl": "https://elsewhere.my.salesforce.com"}
    shown = made(register(registrar, org, **told))
    assert shown["instanceUrl"] == org.instance_url
    assert org.asked == {"token": 1, "userinfo": 1}


def test_the_username_is_compared_without_its_case(registrar: Caller, org: Org) -> None:
    assert made(register(registrar, org, username=org.username.upper()))


def test_an_org_may_only_tell_at_the_identity_url(registrar: Caller, org: Org) -> None:
    org.has_userinfo = False
    made(register(registrar, org))
    assert org.asked["identity"] == 1


def test_an_app_may_have_a_secret(registrar: Caller, org: Org) -> None:
    org.client_secret = "s3cret"
    made(register(registrar, org))
    made(register(registrar, org))


def test_a_host_may_have_its_scheme(registrar: Caller, org: Org) -> None:
    url = org.auth_url.replace(f"@{org.host}", f"@http://{org.host}/")
    made(register(registrar, org, sfdxAuthUrl=url))


def test_another_s_auth_url_is_refused(registrar: Caller, org: Org) -> None:
    answer = refused(register(registrar, org, username="mallory@acme.example"), 400)
    assert answer["message"] == (
        f"Unable to register the org: this auth URL is of {org.username},"
        " not of mallory@acme.example"
    )


@pytest.mark.parametrize(
    ("endpoint", "trouble", "why"),
    [
        ("token", oauth_error("invalid_grant", "expired access/refresh token"),
            "has expired or was revoked"),
        ("token", oauth_error("invalid_client_id", "x"), "client id is not known"),
        ("token", oauth_error("odd", "5Aep861"), "refuses the refresh token (odd)"),
        ("token", Reply(404), "refuses the refresh token (404)"),
        ("token", Reply(500), "the org answered 500; try again later"),
        ("token", Reply(302), "the org answered 302; try again later"),
        ("token", Reply(200, {"access_token": "a\nb", "instance_url": "x"}),
            "no access token"),
        ("token", Reply(200, {"access_token": "a", "instance_url": "http://10.0.0.1"}),
            "its host is not one of Salesforce's"),
        ("userinfo", Reply(200, {"preferred_username": 7}), "does not say whose"),
        ("userinfo", Reply(200, {"preferred_username": "a\nb"}), "does not say whose"),
        ("userinfo", Reply(200, raw=b"\x1f\x8b"), "does not say whose"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_not_kept(
    registrar: Caller,
    org: Org,
    installation: Installation,
    endpoint: str,
    trouble: Reply,
    why: str,
) -> None:
    org.always[endpoint] = trouble
    before = installation.query("SELECT id FROM credential ORDER BY id")
    answer = register(registrar, org)
    refusal = refused(answer, 400, "SALESFORCE_REFUSED")
    assert refusal["message"].startswith("Unable to register the org: ")
    assert why in refusal["message"]
    assert org.refresh_token not in answer.text
    assert installation.query("SELECT id FROM credential ORDER BY id") == before
    orgs = registrar.get("/auth/salesforce/orgs").json()
    assert org.username not in {one["username"] for one in orgs}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost:5432",
        "169.254.169.254",
        "acme.example",
        "evilsalesforce.com",
        "salesforce.com.evil.example",
        "my.salesforce.com:8443",
        "http://my.salesforce.com",
        "[::1]",
        "my..salesforce.com",
        "a" * 64 + ".salesforce.com",
    ],
)
def test_no_other_host_is_called(registrar: Caller, host: str) -> None:
    url = f"force://PlatformCLI::5Aep861@{host}"
    body = {"username": unique("a@b.example"), "sfdxAuthUrl": url}
    answer = registrar.post(PATH, body)
    assert refused(answer, 400, "INVALID")["field"] == "sfdxAuthUrl"
    assert "5Aep861" not in answer.text


def test_nothing_is_asked_for_what_can_be_refused_at_once(
    registrar: Caller, org: Org
) -> None:
    answer = register(registrar, org, isDefault=True)
    assert refused(answer, 400)["field"] == "isDefault"
    assert not org.asked


def test_nor_for_an_owner_of_some_repositories(
    installation: Installation,
    salesforce: FakeSalesforce,
    issuer: Issuer,
    org: Org,
    tmp_path: Path,
) -> None:
    """To ask would use up an auth URL whose refresh token the org rotates."""
    rules = rule("shop admins", 'repository_id = "75"', "owner", "acme/shop")
    settings = {
        "BERTH_SALESFORCE_CHECK": "on",
        "BERTH_SALESFORCE_HOSTS": salesforce.origin,
        "BERTH_OIDC": str(trust_file(tmp_path / "oidc.toml", issuer, rules)),
    }
    with installation.api("limited-api", **settings) as api:
        admins = api.bearing(issuer.token(repository_id="75"))
        refused(register(admins, org), 403, "FORBIDDEN")
    assert not org.asked


def test_an_org_that_cannot_be_reached_is_a_refusal(
    installation: Installation, org: Org
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {
        "BERTH_SALESFORCE_CHECK": "on",
        "BERTH_SALESFORCE_HOSTS": f"http://{nowhere}",
    }
    with installation.api("lonely-api", **settings) as lonely:
        url = org.auth_url.replace(org.host, nowhere)
        owner = lonely.caller(Role.OWNER)
        answer = refused(register(owner, org, sfdxAuthUrl=url), 400)
    assert "127.0.0.1 cannot be connected to" in answer["message"]


def register(owner: Caller, org: Org, **fields: object) -> Response:
    body = {"username": org.username, "sfdxAuthUrl": org.auth_url}
    return owner.post(PATH, body | fields)
