"""A CI's own tokens: believed by rule, limited to repositories, told in the audit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.event import Actor
from domain.ids import new_id
from domain.roles import Role
from domain.task.commands import SubmitTask
from domain.task.events import Order
from domain.task.firing import of_task
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.issuer import SUBJECT, Issuer, rule, trust_file
from tests.support.running import Api, Installation, until
from tests.support.tasks import listed

SHOP, BANK = unique("acme/shop"), unique("acme/bank")
RULES = (
    rule("shop deploys", 'repository_id = "74"', "application", SHOP.upper())
    + rule("shop admins", 'repository_id = "75"', "owner", SHOP)
    + rule("platform", 'repository_id = "76"', "owner", "*")
    + rule("readers", "project_id = 22", "member", SHOP)
)


@pytest.fixture(scope="module")
def oidc_api(
    installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    path = trust_file(tmp_path_factory.mktemp("oidc") / "oidc.toml", issuer, RULES)
    with installation.api("oidc-api", BERTH_OIDC=str(path)) as process:
        yield process


@pytest.fixture(scope="module")
def places(oidc_api: Api) -> dict[str, Json]:
    """An environment with credentials in each repository."""
    owner = oidc_api.caller(Role.OWNER)
    made_of: dict[str, Json] = {}
    for name in (SHOP, BANK):
        body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
        made(owner.post("/projects", body))
        made_of[name] = owner.environment(
            repositoryIdentifier=name, salesforceUsername=owner.org()
        )
    return made_of


@pytest.fixture
def deploys(oidc_api: Api, issuer: Issuer) -> Caller:
    return oidc_api.bearing(issuer.token())


@pytest.fixture
def admins(oidc_api: Api, issuer: Issuer) -> Caller:
    return oidc_api.bearing(issuer.token(repository_id="75"))


@pytest.mark.parametrize("kid", ["rs256", "es256", "eddsa"])
def test_a_token_of_a_trusted_issuer_needs_no_secret_here(
    oidc_api: Api, issuer: Issuer, places: dict[str, Json], kid: str
) -> None:
    lock = oidc_api.bearing(issuer.token(kid)).lock(places[SHOP])
    held = lock.hold()
    assert held["sfdxAuthUrl"]
    # The next job of the same branch is the same caller, whatever its token.
    later = oidc_api.bearing(issuer.token("es256", jti=unique("job")))
    assert made(later.lock(places[SHOP]).release(held["ticketId"]))


def test_the_audit_says_who_it_was_and_by_which_rule(
    issuer: Issuer, deploys: Caller, places: dict[str, Json]
) -> None:
    held = deploys.lock(places[SHOP]).hold()
    [newest, *_] = deploys.audit(places[SHOP], accessType="credentials")
    assert newest["accessed_by"] == f"{issuer.url.removeprefix('http://')}#{SUBJECT}"
    assert newest["accessed_by_application"] == "shop deploys"
    made(deploys.lock(places[SHOP]).release(held["ticketId"]))


def test_another_branch_is_another_caller(
    oidc_api: Api, issuer: Issuer, deploys: Caller, places: dict[str, Json]
) -> None:
    held = deploys.lock(places[SHOP]).hold()
    branch = oidc_api.bearing(issuer.token(sub="repo:acme/shop:ref:refs/heads/b"))
    answer = branch.lock(places[SHOP]).release(held["ticketId"])
    refused(answer, 403, "NOT_YOUR_TICKET")
    made(deploys.lock(places[SHOP]).release(held["ticketId"]))


def test_a_caller_limited_to_repositories_locks_in_these_alone(
    deploys: Caller, places: dict[str, Json]
) -> None:
    for lock in (deploys.lock(places[BANK]), deploys.lock_by_name(places[BANK])):
        assert BANK in refused(lock.request(), 403, "FORBIDDEN")["message"]
    [newest, *_] = deploys.audit(places[BANK], accessType="refused")
    assert newest["accessed_by_application"] == "shop deploys"


def test_nor_does_a_limited_owner_touch_anything_of_another(
    oidc_api: Api, admins: Caller, places: dict[str, Json]
) -> None:
    bank = places[BANK]
    theirs = oidc_api.caller(Role.OWNER).lock(bank)
    held = theirs.hold()
    lock = admins.lock(bank)
    for answer in (
        lock.acquire(held["ticketId"], 0),
        lock.renew(held["ticketId"]),
        lock.release(held["ticketId"]),
        admins.patch(f"/environments/{bank['id']}", {"description": "mine"}),
        admins.delete(f"/environments/{bank['id']}"),
        admins.post(
            "/environments",
            {"repositoryIdentifier": BANK, "name": "new", "category": "dev"},
        ),
        admins.patch(f"/projects/{BANK}", {"configuration": {"a": 1}}),
        admins.delete(f"/projects/{BANK}"),
        admins.post(
            "/projects", {"identifier": unique("a/b"), "remoteUrl": "https://a.b"}
        ),
    ):
        refused(answer, 403, "FORBIDDEN")
    made(theirs.release(held["ticketId"]))


def test_nor_is_a_limited_owner_told_of_the_tasks_of_another(
    installation: Installation, admins: Caller
) -> None:
    by, order = Actor("ci", Role.APPLICATION), Order("elsewhere", {}, repository=BANK)
    installation.decide(of_task(new_id(), SubmitTask(by=by, order=order)))
    assert made(admins.get("/tasks", repositoryIdentifier=BANK))["tasks"] == []


def test_nor_of_what_all_repositories_share(admins: Caller) -> None:
    org = {"username": "a", "sfdxAuthUrl": "force://a::b@c.my.salesforce.com"}
    for answer in (
        admins.post("/application-tokens", {"name": "mine"}),
        admins.get("/application-tokens"),
        admins.delete(f"/application-tokens/{'0' * 32}"),
        admins.post("/auth/salesforce/register", org),
        admins.delete("/auth/salesforce/org", username="a"),
    ):
        refused(answer, 403, "FORBIDDEN")


def test_a_limited_owner_lets_no_environment_stand_for_an_org(
    oidc_api: Api, admins: Caller, places: dict[str, Json]
) -> None:
    """Else it would be told the credentials of any org that somebody registered."""
    username = unique("prod@bank.example")
    oidc_api.caller(Role.OWNER).org(username=username)
    new = {"repositoryIdentifier": SHOP, "name": unique("e"), "category": "dev"}
    path = f"/environments/{places[SHOP]['id']}"
    for field in ("salesforceUsername", "devHubUsername"):
        refused(admins.post("/environments", new | {field: username}), 403, "FORBIDDEN")
        refused(admins.patch(path, {field: username}), 403, "FORBIDDEN")


def test_the_front_door_of_another_is_shut_before_anybody_is_asked(
    admins: Caller, places: dict[str, Json]
) -> None:
    path = f"/environments/{places[BANK]['id']}/frontdoor"
    for method in ("GET", "HEAD"):
        assert admins.ask(method, path).status_code == 403


@pytest.mark.usefixtures("places")
def test_a_limited_owner_is_an_owner_at_home(admins: Caller) -> None:
    new = admins.environment(repositoryIdentifier=SHOP, name=unique("e"))
    path = f"/environments/{new['id']}"
    assert made(admins.patch(path, {"description": "a"}))["description"] == "a"
    assert admins.delete(path).status_code == 204
    made(admins.patch(f"/projects/{SHOP}", {"configuration": {"a": 1}}))


def test_a_limited_caller_sees_its_own_tasks_within_its_limit(
    installation: Installation, issuer: Issuer, deploys: Caller
) -> None:
    caller = f"{issuer.url.removeprefix('http://')}#{SUBJECT}"
    before = Actor(caller, Role.APPLICATION, "shop deploys")
    tasks = {repository: new_id() for repository in (SHOP, BANK)}
    for repository, task in tasks.items():
        order = Order("elsewhere", {}, repository=repository)
        installation.decide(of_task(task, SubmitTask(by=before, order=order)))
    made(deploys.get(f"/tasks/{tasks[SHOP]}/status"))
    refused(deploys.get(f"/tasks/{tasks[BANK]}/status"), 403, "FORBIDDEN")
    assert listed(deploys) == [tasks[SHOP]]


def test_a_rule_for_all_repositories_has_no_limit(
    oidc_api: Api, issuer: Issuer, places: dict[str, Json]
) -> None:
    platform = oidc_api.bearing(issuer.token(repository_id="76"))
    made(platform.patch(f"/environments/{places[BANK]['id']}", {"description": "a"}))
    made(platform.post("/application-tokens", {"name": "ci"}))
    assert platform.get("/application-tokens").status_code == 200


def test_everybody_sees_everything_but_credentials(
    oidc_api: Api, issuer: Issuer, places: dict[str, Json]
) -> None:
    gitlab = issuer.token(repository_id=None, project_id=22)
    reader = oidc_api.bearing(gitlab)
    for name in (SHOP, BANK):
        assert reader.look(places[name])["name"] == "uat"
        assert reader.audit(places[name])
        refused(reader.lock(places[name]).request(), 403, "FORBIDDEN")


@pytest.mark.parametrize(
    "claims",
    [
        {"repository_id": "77"},
        {"repository_id": 74},
        {"repository_id": None},
        {"repository_id": ["74"]},
        {"repository_id": "77", "repository": "acme/shop", "sub": SUBJECT},
        {"repository_id": None, "project_id": "22"},
        {"repository_id": None, "project_id": 22.0},
        {"repository_id": None, "project_id": True},
    ],
)
def test_a_genuine_token_that_no_rule_is_about_is_good_for_nothing(
    oidc_api: Api, issuer: Issuer, claims: Json
) -> None:
    stranger = oidc_api.bearing(issuer.token(**claims))
    refused(stranger.get("/environments"), 403, "FORBIDDEN")


def test_where_no_issuer_is_named_none_is_believed(api: Api, issuer: Issuer) -> None:
    refused(api.bearing(issuer.token()).get("/environments"), 401)


def test_a_token_that_runs_out_while_its_bearer_waits_is_told_no_credentials(
    oidc_api: Api, issuer: Issuer, places: dict[str, Json], pool: ThreadPoolExecutor
) -> None:
    owner = oidc_api.caller(Role.OWNER).lock(places[SHOP])
    held = owner.hold()
    ticket = oidc_api.bearing(issuer.token()).lock(places[SHOP]).ticket()
    ends = int(time.time()) - 24  # and 30 seconds of leeway
    lock = oidc_api.bearing(issuer.token(exp=ends)).lock(places[SHOP])
    waiting = pool.submit(lock.acquire, ticket, 20)
    until(lambda: oidc_api.waiting == 1)
    until(lambda: time.time() > ends + 30)
    made(owner.release(held["ticketId"]))
    refused(waiting.result(), 401, "UNAUTHENTICATED")
    made(owner.release(ticket))


def test_an_issuer_that_is_down_is_not_the_caller_s_fault(
    installation: Installation, odd_issuer: Issuer, tmp_path: Path
) -> None:
    path = trust_file(tmp_path / "oidc.toml", odd_issuer, RULES)
    odd_issuer.answering = odd_issuer.hang_up
    with installation.api("lonely-api", BERTH_OIDC=str(path)) as api:
        answer = api.bearing(odd_issuer.token()).get("/environments")
        refused(answer, 503, "ISSUER_UNAVAILABLE")
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert api.caller(Role.MEMBER).get("/environments").status_code == 200


def test_keys_that_are_known_go_on_working_without_the_issuer(
    installation: Installation, odd_issuer: Issuer, tmp_path: Path
) -> None:
    path = trust_file(tmp_path / "oidc.toml", odd_issuer, RULES)
    with installation.api("cut-off-api", BERTH_OIDC=str(path)) as api:
        assert api.bearing(odd_issuer.token()).get("/environments").is_success
        odd_issuer.answering = odd_issuer.fail
        another = odd_issuer.token("rs256", jti="another")
        assert api.bearing(another).get("/environments").is_success
        odd_issuer.add_key("new")
        # It answered a moment ago, and is not asked again so soon.
        refused(api.bearing(odd_issuer.token("new")).get("/environments"), 401)
    assert odd_issuer.fetches == 1


def test_a_file_that_makes_no_sense_stops_the_start(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "oidc.toml"
    path.write_text("[[issuer]]\n")
    command = installation.berth("api", name="no-trust", BERTH_OIDC=str(path))
    command.start()
    until(lambda: command.exit_code is not None)
    assert command.exit_code == 1
    assert command.log
    said = command.log.read_text()
    assert "berth: BERTH_OIDC" in said
    assert "Traceback" not in said
