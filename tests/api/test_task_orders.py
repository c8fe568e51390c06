"""What was sent is made into an order, or refused by the name of what will not do."""

from __future__ import annotations

from typing import Any

import pytest

from api.task_orders import key_of
from domain.errors import Invalid
from domain.task.types import Data, TaskType


def unless_refused(data: Data) -> Any:
    if data["pool"] == "none":
        raise Invalid("data.pool: none", field="data.pool")
    return data["pool"].lower()


KEYED = TaskType("sweep", concurrency_key=unless_refused)


def test_a_handler_makes_the_key_of_the_data() -> None:
    assert key_of(KEYED, {"pool": "Core"}) == "core"
    assert key_of(TaskType("sweep"), {}) is None


def unless_broken(data: Data) -> None:
    1 / data["share"]


def test_data_that_a_handler_breaks_on_is_refused() -> None:
    with pytest.raises(Invalid, match="sweep") as refusal:
        key_of(TaskType("sweep", check=unless_broken), {"share": 0})
    assert refusal.value.field == "data"


@pytest.mark.parametrize("data", [{}, {"pool": 1}, {"pool": None}])
def test_data_that_no_key_can_be_made_of_is_refused(data: Data) -> None:
    with pytest.raises(Invalid, match="sweep") as refusal:
        key_of(KEYED, data)
    assert refusal.value.field == "data"


def test_a_handler_s_own_refusal_stands() -> None:
    with pytest.raises(Invalid) as refusal:
        key_of(KEYED, {"pool": "none"})
    assert refusal.value.field == "data.pool"
