"""No test keeps all others waiting for ever, whatever it is that hangs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INI = "pytest.ini"
SETTING = """
from tests.support import hanging
hanging.GRACE_SECONDS = 1
pytest_plugins = ["tests.support.hanging"]
"""
HANGING = {
    "a task that will not be cancelled": """
import asyncio
import pytest
async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
@pytest.mark.timeout(1)
def test_hanging():
    asyncio.run(stubborn())
""",
    "a thread that is joined after a failure": """
from concurrent.futures import ThreadPoolExecutor
from threading import Event
import pytest
@pytest.fixture
def pool():
    with ThreadPoolExecutor() as threads:
        yield threads
@pytest.mark.timeout(1)
def test_hanging(pool):
    pool.submit(Event().wait)
    raise AssertionError
""",
}
NEXT = """
def test_what_comes_next():
    pass
"""


@pytest.mark.parametrize("what", HANGING)
def test_it_is_named_its_stack_is_shown_and_the_next_one_runs(
    what: str, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text(SETTING)
    (tmp_path / "test_it.py").write_text(HANGING[what] + NEXT)
    plugins = ["-pxdist", "-ppytest_timeout", "-pno:cacheprovider"]
    options = ["-n1", f"--rootdir={tmp_path}", f"-c{tmp_path / INI}"]
    (tmp_path / INI).touch()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options],
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert "crashed while running 'test_it.py::test_hanging'" in done.stdout
    assert "1 passed" in done.stdout
    assert "test_it.py" in done.stderr
