"""Two values of JSON are the same, or one of them says something else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import json

from domain.json_value import is_same

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "1", "true"]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from("ab"), inside, max_size=2)
    ),
    max_leaves=6,
)
OTHERS: list[tuple[Any, Any]] = [
    (1, True),
    (0, False),
    (1.0, True),
    (0, None),
    (1, "1"),
    ([], {}),
    ([1], [1, 1]),
    ([1, 2], [2, 1]),
    ({"a": 1}, {"b": 1}),
    ({"a": None}, {}),
    ({"a": [{"b": 0}]}, {"a": [{"b": False}]}),
]
SAME: list[tuple[Any, Any]] = [
    (1, 1.0),
    (True, True),
    ({"a": 1, "b": [None]}, {"b": [None], "a": 1.0}),
]


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_other_values_are_other_values(one: Any, other: Any) -> None:
    assert not is_same(one, other)
    assert not is_same(other, one)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_value_is_the_same_however_it_is_written(one: Any, other: Any) -> None:
    assert is_same(one, other)
    assert is_same(other, one)


@for_all(VALUES, VALUES)
def test_without_fractions_the_same_value_is_the_same_text(
    one: Any, other: Any
) -> None:
    texts = [json.encode(value, order="deterministic") for value in (one, other)]
    assert is_same(one, other) is (texts[0] == texts[1])
