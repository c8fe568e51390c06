"""What docs/tasks-handlers.md says of endings is what the API tells."""

from __future__ import annotations

import re
from pathlib import Path

from domain.task.events import FailureReason
from workers.running import FailureKind

DOCUMENT = Path(__file__).parents[3] / "docs/tasks-handlers.md"
REASON = re.compile(r"^\| `failed` \| `(\w+)` \|", re.MULTILINE)


def test_each_reason_of_a_failure_is_told_by_the_name_it_has_in_the_api() -> None:
    text = DOCUMENT.read_text()
    assert set(REASON.findall(text)) == {str(reason) for reason in FailureReason}
    elsewhere = {str(kind) for kind in FailureKind} - {str(r) for r in FailureReason}
    assert not [kind for kind in elsewhere if f"`{kind}`" in text]
