"""The table of what Berth reaches on this machine: `python -m tests.bench`.

--only cycles --only hot    some of the rows
--seconds 2 --rounds 1      a quick look
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.bench import Bench, prepared
from tests.bench.rows import (
    credentials,
    cycles,
    growth,
    hand_over,
    hot,
    past,
    projecting,
    relay,
    sealing,
    start,
    streams,
    tasks,
    waiting,
    webhooks,
)
from tests.bench.table import Row, rendered
from tests.bench.wrk import LoadError, wrk
from workers.open_files import allow_open_files

ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "cycles": cycles.rows,
    "hot": hot.rows,
    "credentials": credentials.rows,
    "hand-over": hand_over.rows,
    "waiting": waiting.rows,
    "streams": streams.rows,
    "projecting": projecting.rows,
    "past": past.rows,
    "sealing": sealing.rows,
    "relay": relay.rows,
    "growth": growth.rows,
    "tasks": tasks.rows,
    "webhooks": webhooks.rows,
    "start": start.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS)
    parser.add_argument("--seconds", type=float, default=5, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many")
    chosen = parser.parse_args()
    wrk()
    allow_open_files()
    found: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="berth-bench-") as folder,
        prepared(Path(folder), chosen.seconds, chosen.rounds) as bench,
    ):
        for name in chosen.only or ROWS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            found += ROWS[name](bench)
    print(rendered(found))


if __name__ == "__main__":
    try:
        main()
    except LoadError as error:
        sys.exit(f"bench: {error}")
