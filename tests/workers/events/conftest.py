"""A NATS of the test's own, to be ill-treated, and a journal with some events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projections.test_views import append
from tests.workers.events.stage import story
from workers.embedded import EmbeddedNats

EVENTS = 20


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def journal_of_some(own_journal_url: str) -> str:
    append(own_journal_url, story(EVENTS))
    return own_journal_url
