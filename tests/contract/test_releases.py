"""Releases, as a client of the reference API knows them."""

from __future__ import annotations

import pytest

from tests.contract.conftest import put_there
from tests.contract.replay import differences, example
from tests.support.client import Caller, made, refused

BY_ID = example("releases")


@pytest.mark.parametrize("name", ["releases", "releases_by_name"])
def test_releases_answer_as_the_example(owner: Caller, name: str) -> None:
    request = example(name)
    environment = put_there(owner, example("create").answer, name="production")
    empty = made(request.send(owner, **environment))
    assert (empty["releases"], empty["totalCount"]) == ([], 0)
    [theirs] = request.answer["releases"]
    facts = {key: theirs[key] for key in ("name", "domain", "publishedAt", "metadata")}
    made(owner.publish(environment, **facts))
    answer = request.send(owner, **environment)
    ours = made(answer)
    assert not list(differences(request.answer | {"totalCount": 1}, ours))
    assert ours["environmentId"] == environment["id"]
    assert (list(ours), list(ours["releases"][0])) == (
        list(request.answer),
        list(theirs),
    )


def test_an_unknown_environment_has_none(owner: Caller) -> None:
    unknown = BY_ID.answer["environmentId"]
    refused(BY_ID.send(owner, id=unknown), 404, "ENVIRONMENT_NOT_FOUND")
    by_name = example("releases_by_name")
    refused(by_name.send(owner, name="nowhere"), 404, "ENVIRONMENT_NOT_FOUND")
