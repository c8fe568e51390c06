"""`python -m tests.faults`: load, faults, checks, and a table of what came of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from cyclopts import App

from tests.faults.report import lines
from tests.faults.run import run

app = App(name="faults", help="Kill everything under load, then check every promise.")


@app.default
def faults(*, seconds: float = 600, seed: str = "1", clients: int = 64) -> int:
    """Exits with 1, and keeps its folder, if any promise was broken.

    Parameters
    ----------
    seconds
        How long the clients ask and the faults go on.
    seed
        What the clients and the faults choose by. Time chooses, too.
    clients
        How many ask at the same time.
    """
    folder = Path(tempfile.mkdtemp(prefix="berth-faults-"))
    result = run(folder, seconds=seconds, clients=clients, seed=seed)
    print("\n".join(lines(result)))
    if result.findings:
        print(f"\nData and logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(app())
