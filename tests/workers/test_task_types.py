"""A type whose handler cannot be imported is not served, and the others are."""

from __future__ import annotations

import pytest

from tests.workers.running.stage import HANDLERS
from workers.running import Handlers
from workers.task_types import task_types


@pytest.mark.parametrize("module", ["nowhere", "tests.workers.running.quitter"])
def test_an_import_that_fails_or_exits_takes_nobody_along(module: str) -> None:
    greet = HANDLERS.references["greet"]
    types = task_types(Handlers({"bad": f"{module}:bad", "greet": greet}), ["far"])
    assert set(types) == {"greet", "far"}
