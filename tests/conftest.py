"""What every test may ask for, and how hard the property tests look."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.memory import Hands, MemoryJournal

pytest.register_assert_rewrite("tests.support.spec")
pytest_plugins = [
    "tests.support.hanging",
    "tests.support.servers",
    "tests.support.kept",
    "tests.support.running",
    "tests.support.issuer",
    "tests.support.salesforce",
    "tests.support.hooks",
    "tests.support.node_worker",
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

# A shell's background job ignores the first two, and what `nohup` runs the other; so
# would whatever a test starts, and then tells to stop.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# Between the two that break things under load there is something else to do.
LONGEST = (
    "faults/test_faults.py",
    "contract/test_document.py",
    "contract/test_audit_page.py",
    "api/test_canary.py",
    "faults/tasks/test_faults.py",
    "contract/test_links.py",
    "api/test_erased_past.py",
    "projections/test_rebuild.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that no process goes on long after the others."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        found = (n for n, name in enumerate(LONGEST) if path.endswith(f"tests/{name}"))
        return next(found, len(LONGEST))

    items.sort(key=place)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def journal(clock: Hands) -> MemoryJournal:
    return MemoryJournal(clock)
