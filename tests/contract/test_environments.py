"""Environments, beyond the examples: what the document says of them in words."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.replay import differences, example
from tests.contract.scenes import CREATE
from tests.contract.stage import REPOSITORIES, Stage
from tests.support.client import made, refused


def test_what_was_sent_is_answered(stage: Stage) -> None:
    created = made(CREATE.send(stage.owner))
    assert {key: created[key] for key in CREATE.body} == CREATE.body


def test_each_conflict_and_each_unknown_has_its_code(stage: Stage) -> None:
    owner = stage.owner
    there = made(CREATE.send(owner))
    refused(CREATE.send(owner), 409, "ENVIRONMENT_EXISTS")
    renamed = replace(CREATE, body=CREATE.body | {"name": "other"})
    refused(renamed.send(owner), 409, "SALESFORCE_USERNAME_TAKEN")
    strange = CREATE.body | {"name": "b", "salesforceUsername": "nobody@acme.example"}
    refused(replace(CREATE, body=strange).send(owner), 404, "ORG_NOT_FOUND")
    other = stage.put(CREATE.answer, name="other", salesforceUsername=None)
    body = {"salesforceUsername": CREATE.body["salesforceUsername"]}
    taken = replace(example("patch"), body=body).send(owner, **other)
    refused(taken, 409, "SALESFORCE_USERNAME_TAKEN")
    stage.application().lock(there).hold()
    refused(example("delete").send(owner, **there), 409, "ENVIRONMENT_LOCKED")


def test_a_category_makes_the_list_flat(stage: Stage) -> None:
    stage.fleet()
    answer = stage.owner.get(
        "/environments", repositoryIdentifier=REPOSITORIES[0], category="test"
    )
    theirs = example("list").answer["test"]
    assert list(differences(theirs, made(answer))) == []


def test_the_order_takes_no_place_holder_and_names_what_is_missing(
    stage: Stage,
) -> None:
    stage.developers()
    for its in example("order"), example("put_order"):
        assert refused(its.send(stage.owner), 400)["field"] == "includeInactive"
        for parameter in "repositoryIdentifier", "category":
            bare = its.telling("=text", "=true").telling(parameter, "x")
            assert refused(bare.send(stage.owner), 400)["field"] == parameter
