"""So many times at once, and then once every so often, for each by itself."""

from __future__ import annotations

import pytest

from workers.salesforce import allowance
from workers.salesforce.allowance import Allowance


def test_what_was_used_up_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(allowance, "monotonic", lambda: now)
    calls = Allowance(3, 60)
    assert [calls.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert calls.take("b")
    now += 59
    assert not calls.take("a")
    now += 1
    assert [calls.take("a"), calls.take("a")] == [True, False]
    now += 10_000
    assert [calls.take("a") for _ in range(5)] == [True, True, True, False, False]


def test_no_more_keys_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allowance, "REMEMBERED_MAX", 2)
    calls = Allowance(1, 60)
    assert [calls.take(key) for key in "abca"] == [True] * 4
    assert not calls.take("c")
