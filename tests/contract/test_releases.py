"""Releases, beyond the examples."""

from __future__ import annotations

import pytest

from tests.contract.replay import example
from tests.contract.stage import Stage
from tests.support.client import made


@pytest.mark.parametrize("name", ["releases", "releases_by_name"])
def test_none_is_an_empty_list_with_the_fields_in_the_same_order(
    stage: Stage, name: str
) -> None:
    there = stage.production(by_name=True)
    ours = made(example(name).send(stage.owner, **there))
    assert (ours["releases"], ours["totalCount"]) == ([], 0)
    assert list(ours) == list(example(name).answer)
