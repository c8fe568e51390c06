"""What is asked of an org, beyond the examples."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.contract.replay import example
from tests.contract.stage import Stage
from tests.support.client import made


def test_the_front_door_is_the_same_url_told_or_redirected_to(stage: Stage) -> None:
    there, caller = stage.production(), stage.application()
    front_door = example("frontdoor")
    path = f"/environments/{there['id']}/frontdoor"
    redirected = front_door.send(caller, **there).headers["location"]
    told = made(caller.get(path, redirect="false"))["url"]
    theirs = urlsplit(front_door.answer["url"])
    for url in redirected, told:
        ours = parse_qs(urlsplit(url).query)
        assert ours.keys() == parse_qs(theirs.query).keys()
        assert ours["retURL"] == ["/"]


def test_artifacts_have_the_fields_of_the_example_and_no_others(stage: Stage) -> None:
    there = stage.production(by_name=True)
    artifacts = example("artifacts_by_name")
    ours = made(artifacts.send(stage.owner, **there))
    assert ours.keys() == artifacts.answer.keys()
    assert ours["artifacts"][0].keys() == artifacts.answer["artifacts"][0].keys()
    assert not ours["cached"]


def test_the_holder_is_told_of_the_org_that_was_registered(stage: Stage) -> None:
    held = stage.application().lock(stage.production()).hold()
    assert held["sfdxAuthUrl"] == stage.org.auth_url
    assert held["salesforceUsername"] == stage.org.username
    assert {key for key in example("acquire").answer if held[key] is None} == set()
