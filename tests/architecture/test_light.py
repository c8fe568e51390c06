"""What is installed: for `berth lock` not the whole server, and for all of it pins."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from tests.support.brought import brought_by

LOADED = """
import json, sys
before = {*sys.modules}
import api.commands.locking, api.commands.standard_output
from api.__main__ import app
app(["lock", "--help"], console=None, exit_on_error=False, result_action="return_value")
print(json.dumps(sorted({name.partition(".")[0] for name in {*sys.modules} - before})))
"""
OURS = "berth-server"
ROOT = Path(__file__).parents[2]


def test_berth_lock_loads_nothing_but_what_it_brings() -> None:
    run = [sys.executable, "-c", LOADED]
    said = subprocess.run(run, check=True, capture_output=True, text=True)
    loaded = {*json.loads(said.stdout.splitlines()[-1])}
    of = packages_distributions()
    used = {canonical(name) for module in loaded for name in of.get(module, ())}
    assert "httpx2" in used
    assert used <= brought_by(OURS)


def test_all_that_an_installation_brings_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonical(Requirement(line).name) for line in lines}
    brought = brought_by(f"{OURS}[dev]")
    assert "litestar" in brought
    assert brought - pinned == set()
