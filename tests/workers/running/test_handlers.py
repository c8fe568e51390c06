"""Handlers are found by name, and say what data they take."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from domain.errors import Invalid
from tests.workers.running.handlers import greet
from tests.workers.running.stage import HANDLERS
from workers.running import Handler, Handlers
from workers.running import handlers as module


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data.name"),
        ({"name": 7}, "data.name"),
        ({"name": "Ada", "times": "2"}, "data.times"),
        ({"name": "Ada", "tmies": 2}, "data.tmies"),
    ],
)
def test_wrong_data_is_refused_naming_the_field(
    data: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        HANDLERS.check("greet", data)
    assert refused.value.field == field
    assert str(refused.value).startswith(field)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Invalid, match=r"known are: .*greet") as refused:
        HANDLERS.check("dance", {})
    assert refused.value.field == "type"


def test_a_type_may_declare_how_it_is_run() -> None:
    handler = HANDLERS.check("forgetful", {"name": "Ada"})
    assert (handler.timeout_seconds, handler.at_most) == (0.2, 3)
    assert handler.key_of({"name": "Ada"}) == "Ada"
    assert HANDLERS.check("greet", {"name": "Ada"}).key_of({"name": "Ada"}) is None


def test_a_handler_takes_two_arguments() -> None:
    def lonely(_context: object) -> None: ...

    with pytest.raises(TypeError, match=r"takes \(context, data\)"):
        Handler(lonely)  # type: ignore[arg-type]


def test_installed_ones_are_found_by_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [EntryPoint("hello", f"{greet.__module__}:greet", "berth.tasks")]
    monkeypatch.setattr(module, "entry_points", lambda **_: EntryPoints(points))
    assert Handlers.installed()["hello"].function is greet
    points *= 2
    with pytest.raises(ValueError, match="two packages offer"):
        Handlers.installed()
