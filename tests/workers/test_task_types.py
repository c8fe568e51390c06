"""Which types of task are served, and by whom."""

from __future__ import annotations

import pytest

from domain.task.events import LOCAL
from tests.workers.running.stage import HANDLERS
from workers.running import Handlers
from workers.task_types import task_types


@pytest.mark.parametrize("module", ["nowhere", "tests.workers.running.quitter"])
def test_an_import_that_fails_or_exits_takes_nobody_along(module: str) -> None:
    greet = HANDLERS.references["greet"]
    types = task_types(Handlers({"bad": f"{module}:bad", "greet": greet}), ["far"])
    assert set(types) == {"greet", "far"}


def test_a_type_that_is_served_elsewhere_is_not_served_here_as_well() -> None:
    types = task_types(HANDLERS, ["greet"])
    assert types["greet"].queue == "greet"
    assert types["echo"].queue == LOCAL
