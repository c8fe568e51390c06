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


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def journal(clock: Hands) -> MemoryJournal:
    return MemoryJournal(clock)
