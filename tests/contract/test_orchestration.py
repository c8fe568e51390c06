"""The order of deployment, as a client of the reference API knows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.conftest import put_there
from tests.contract.replay import Example, example
from tests.support.client import Caller, refused

GET, PUT = example("order"), example("put_order")


def told(example: Example, value: str = "false") -> Example:
    """In the document, `includeInactive=text` holds the place of a boolean."""
    request = example.request.replace("=text", f"={value}")
    return replace(example, request=request)


@pytest.fixture(autouse=True)
def fleet(owner: Caller) -> None:
    like = example("list").answer["dev"][0]
    for name in GET.answer:
        put_there(owner, like, name=name, salesforceUsername=None)


def test_put_and_get_answer_as_the_examples(owner: Caller) -> None:
    assert told(PUT).send(owner).json() == PUT.body["environmentOrder"]
    assert told(GET).send(owner).json() == GET.answer
    turned = replace(PUT, body={"environmentOrder": PUT.answer})
    answer = told(turned, "true").send(owner)
    assert (answer.status_code, answer.json()) == (200, PUT.answer)
    assert told(GET, "true").send(owner).json() == PUT.answer


def test_the_place_holder_is_no_boolean(owner: Caller) -> None:
    for request in GET, PUT:
        assert refused(request.send(owner), 400)["field"] == "includeInactive"


def test_an_invalid_name_and_a_missing_parameter_are_bad_requests(
    owner: Caller,
) -> None:
    wrong = replace(PUT, body={"environmentOrder": ["dev1", "dev9"]})
    refusal = refused(told(wrong).send(owner), 400)
    assert refusal["message"] == "environmentOrder: dev9: unknown"
    for parameter in "repositoryIdentifier", "category":
        request = told(GET).request.replace(parameter, "x")
        answer = replace(GET, request=request).send(owner)
        assert refused(answer, 400)["field"] == parameter
