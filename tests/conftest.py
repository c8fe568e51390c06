"""What every test may ask for, and how hard the property tests look."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support.memory import Hands, MemoryJournal

pytest.register_assert_rewrite("tests.support.spec")
pytest_plugins = [
    "tests.support.servers",
    "tests.support.running",
    "tests.support.issuer",
    "tests.support.salesforce",
    "tests.support.hooks",
    "tests.projections.journal_contract",
]

settings.register_profile(
    "berth",
    deadline=None,  # The machine is shared; the clock on the wall proves nothing.
    max_examples=100,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("berth")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that no process goes on long after the others."""
    items.sort(key=lambda item: "faults" not in item.path.parts)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def journal(clock: Hands) -> MemoryJournal:
    return MemoryJournal(clock)
