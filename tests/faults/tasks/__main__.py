"""`python -m tests.faults.tasks`: tasks, faults, checks, and a table of what came."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from cyclopts import App

from tests.faults.tasks.report import lines
from tests.faults.tasks.run import run

app = App(name="task-faults", help="Kill all that tasks go through, then check.")


@app.default
def faults(*, tasks: int = 5_000, seed: str = "1") -> int:
    """Exits with 1, and keeps its folder, if any promise was broken.

    Parameters
    ----------
    tasks
        How many are submitted, beside those of two schedules.
    seed
        What the clients and the faults choose by. Time chooses, too.
    """
    folder = Path(tempfile.mkdtemp(prefix="berth-task-faults-"))
    result = run(folder, tasks=tasks, seed=seed)
    print("\n".join(lines(result)))
    if result.findings:
        print(f"\nData and logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(app())
