"""Who sent what a field cannot be is told what it can be, and not what he sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, ValidationError, convert

from domain.choices import explained

SENT = "it's \" a secret - at `$.other`"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Box(Struct, rename="camel"):
    its_size: Annotated[Size, Meta(description="how much")] | None = None
    colour: Literal["blue", "red"] = "red"
    inner: list[Box] | None = None
    named: dict[str, Box] = {}


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"itsSize": SENT}, "small, large - at `$.itsSize`"),
        ({"colour": SENT}, "blue, red - at `$.colour`"),
        ({"inner": [{}, {"itsSize": "l"}]}, "small, large - at `$.inner[1].itsSize`"),
        ({"named": {SENT: {"colour": "red "}}}, "blue, red - at `$.named[...].colour`"),
    ],
)
def test_an_enum_s_values_are_told(sent: object, told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        convert(sent, Box)
    error = explained(raised.value, Box)
    assert str(error) == f"Invalid enum value: it is none of {told}"


def test_what_is_wrong_otherwise_is_told_as_it_was() -> None:
    with pytest.raises(ValidationError) as raised:
        convert({"inner": 1}, Box)
    assert explained(raised.value, Box) is raised.value


@dataclass
class Crate:
    size: Size


def test_so_are_those_of_a_dataclass() -> None:
    with pytest.raises(ValidationError) as raised:
        convert({"size": SENT}, Crate)
    assert "small, large - at `$.size`" in str(explained(raised.value, Crate))
