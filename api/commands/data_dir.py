"""`--data-dir`: no name is that of the current folder to a `Path`, and none to us."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token


def _named(_: type, tokens: Sequence[Token]) -> Path:
    [token] = tokens
    if not token.value:
        raise ValueError("it is empty")
    return Path(token.value)


DataDir = Annotated[Path, Parameter(converter=_named)]
