"""What a pipeline installs is enough for `berth lock`, and not the whole server."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
)

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

LOADED = """
import json, sys
before = {*sys.modules}
import api.commands.locking, api.commands.standard_output
from api.__main__ import app
app(["lock", "--help"], console=None, exit_on_error=False, result_action="return_value")
print(json.dumps(sorted({name.partition(".")[0] for name in {*sys.modules} - before})))
"""
OURS = "berth-server"


def test_berth_lock_loads_nothing_but_what_it_brings() -> None:
    run = [sys.executable, "-c", LOADED]
    said = subprocess.run(run, check=True, capture_output=True, text=True)
    loaded = {*json.loads(said.stdout.splitlines()[-1])}
    of = packages_distributions()
    used = {canonical(name) for module in loaded for name in of.get(module, ())}
    assert "httpx2" in used
    assert used <= _brought_by(OURS)


def _brought_by(name: str) -> set[str]:
    """What is installed along with it, without any extra."""
    brought: set[str] = set()
    to_do = [name]
    while to_do:
        try:
            needs = distribution(to_do.pop()).requires or []
        except PackageNotFoundError:  # For another Python, or another system.
            continue
        for need in map(Requirement, needs):
            name = canonical(need.name)
            if name in brought or (need.marker and not need.marker.evaluate()):
                continue
            brought.add(name)
            to_do.append(name)
    return brought
