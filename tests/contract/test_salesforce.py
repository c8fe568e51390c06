"""What is asked of an org, as a client of the reference API knows it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from domain.roles import Role
from tests.contract.replay import differences, example
from tests.support.client import Caller, Json, made
from tests.support.fake_org.org import Org
from tests.support.running import Api
from tests.support.salesforce import Site, site


@pytest.fixture
def ours(asking: Api, org: Org) -> Site:
    return site(asking, org, repositoryIdentifier="myorg/myrepo", name="production")


@pytest.fixture
def caller(ours: Site) -> Caller:
    return ours.caller(Role.APPLICATION)


def test_the_front_door_redirects_unless_told_otherwise(
    caller: Caller, ours: Site
) -> None:
    front_door = example("frontdoor")
    ours.org.has_single_access = False  # As when the example was made.
    answer = front_door.send(caller, id=ours.environment["id"])
    assert answer.status_code == 302
    told = made(caller.get(f"{ours.path}/frontdoor", redirect="false"))
    for url in answer.headers["location"], told["url"]:
        theirs, mine = urlsplit(front_door.answer["url"]), urlsplit(url)
        assert mine.path == theirs.path
        assert parse_qs(mine.query).keys() == parse_qs(theirs.query).keys()
        assert parse_qs(mine.query)["retURL"] == ["/"]


def test_artifacts_answer_as_the_example(caller: Caller, ours: Site) -> None:
    artifacts, by_name = example("artifacts"), example("artifacts_by_name")
    first = made(artifacts.send(caller, id=ours.environment["id"]))
    assert first == made(by_name.send(caller, name="production")) | {"cached": False}
    theirs: Json = artifacts.answer
    assert first.keys() == theirs.keys()
    assert not list(differences({"retrievedAt": theirs["retrievedAt"]}, first))
    for artifact in first["artifacts"]:
        assert artifact.keys() == theirs["artifacts"][0].keys()


def test_acquire_answers_with_a_front_door(caller: Caller, ours: Site) -> None:
    held = caller.lock(ours.environment).hold()
    theirs = example("acquire_by_name").answer
    assert {key for key in theirs if held[key] is None} == set()
    assert urlsplit(held["frontDoorUrl"]).path == urlsplit(theirs["frontDoorUrl"]).path
    assert held["sfdxAuthUrl"].startswith("force://PlatformCLI::")
