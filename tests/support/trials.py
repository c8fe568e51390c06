"""Types of task for trials; with `INSTALLED` on PYTHONPATH, they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.bench.starts import tell_start

INSTALLED = Path(__file__).with_name("installed")
NO_OP = "trialNoOp"


class Told(Struct, forbid_unknown_fields=True):
    """`address`, if any, is told of the start."""

    address: str = ""


def no_op(_: Any, data: Told) -> None:
    if data.address:
        tell_start(data.address)
