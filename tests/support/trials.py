"""Types of task for trials; with `INSTALLED` on PYTHONPATH, they are installed."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from time import sleep
from typing import Any

from msgspec import Struct

from tests.bench.starts import tell_start
from workers.running import Context, Refused, task

INSTALLED = Path(__file__).with_name("installed")
NO_OP, TRIAL, IN_TURN = "trialNoOp", "trial", "trialInTurn"
CREDENTIALS = "trialCredentials"


class Told(Struct, forbid_unknown_fields=True):
    """`address`, if any, is told of the start."""

    address: str = ""


class Trial(Struct, forbid_unknown_fields=True):
    """Runs so long, and fails in its first attempts. That it runs is put on record."""

    ledger: str
    seconds: float = 0
    fails: int = 0
    key: str = ""


class Asking(Struct, forbid_unknown_fields=True):
    """`until_refused`: again and again, to be told no in the end."""

    which: dict[str, Any]
    until_refused: bool = False


def no_op(_: Context, data: Told) -> None:
    if data.address:
        tell_start(data.address)


def trial(context: Context, data: Trial) -> dict[str, int]:
    _write_down(data.ledger, f"{context.operation_id} {context.attempt}\n")
    sleep(data.seconds)
    if context.attempt <= data.fails:
        raise RuntimeError("as it was asked to")
    return {"attempt": context.attempt}


@task(concurrency_key=lambda data: data.key, at_most=2)
def in_turn(context: Context, data: Trial) -> dict[str, int]:
    return trial(context, data)


def credentials(context: Context, data: Asking) -> dict[str, Any]:
    """What it was told as hashes, lest it be masked; or the refusal's code."""
    try:
        told = context.credentials(**data.which)
        while data.until_refused:
            sleep(0.1)
            context.credentials(**data.which)
    except Refused as refused:
        return {"code": refused.code}
    return {name: sha256(text.encode()).hexdigest() for name, text in told.items()}


def _write_down(ledger: str, line: str) -> None:
    """At once, and whole, however many do so at the same time."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)
