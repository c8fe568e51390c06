"""The command line says what it can do at once, and loads what it takes when asked."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest
from cyclopts import App, CoercionError

from api.__main__ import COMMANDS, app
from workers.settings import SettingsError

HEAVY = {"aiohttp", "cryptography", "eventsourcing", "litestar", "nats", "psycopg"}
HTTP = {"aiohttp", "httpx2", "litestar", "nats", "uvicorn"}
LOADED = """
import sys
from api.__main__ import app
app({words}, result_action="return_value")
print(*sys.modules)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_told_of_a_command_is_what_it_says_itself(name: str) -> None:
    where, told = COMMANDS[name]
    module, _, attribute = where.partition(":")
    command = getattr(import_module(module), attribute)
    said = command.help if isinstance(command, App) else inspect.getdoc(command)
    assert isinstance(said, str)
    assert told.split() == said.partition("\n\nParameters\n")[0].split()


@pytest.mark.parametrize(
    ("words", "heavy"),
    [(["--help"], HEAVY), (["--version"], HEAVY), (["replay", "--help"], HTTP)],
)
def test_whoever_only_looks_does_not_wait_for_what_a_server_takes(
    words: list[str], heavy: set[str]
) -> None:
    program = [sys.executable, "-c", LOADED.format(words=words)]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    *_, loaded = told.splitlines()
    assert "cyclopts" in loaded.split()
    assert not heavy & set(loaded.split())


@pytest.mark.parametrize("words", [["--version"], ["log", "--version"]])
def test_its_version_is_that_of_what_is_installed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    app(words, result_action="return_value")
    assert capsys.readouterr().out.strip() == metadata.version("berth-server")


LOADING = """
from api.__main__ import app, main
app.command("made_up_module:it", name="it", help="")
main()
"""
COLLECTING = """
import gc
was_on = gc.isenabled()
def it():
    print(was_on, gc.isenabled(), gc.get_freeze_count() > 10_000)
"""
OF_A_FOLDER = [
    ["log", "keys"],
    ["log", "rotate"],
    ["export"],
    ["erase", "ada@example.org"],
    ["rebuild"],
    ["rebuild", "events"],
    ["replay", "production"],
    ["vault", "rotate"],
]


def loading(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A command that is in a module with that text."""
    (folder / "made_up_module.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-c", LOADING, "it"],
        env=os.environ | {"PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_ctrl_c_as_it_loads_ends_it_without_a_traceback(tmp_path: Path) -> None:
    ended = loading(tmp_path, "from signal import *\nraise_signal(SIGINT)\n")
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGINT, "")


def test_garbage_is_collected_once_it_is_loaded_and_not_before(tmp_path: Path) -> None:
    assert loading(tmp_path, COLLECTING).stdout == "False True True\n"


@pytest.mark.parametrize("words", [*OF_A_FOLDER, ["up"], ["verify"]], ids=" ".join)
def test_a_folder_without_a_name_is_not_the_current_one(words: list[str]) -> None:
    with pytest.raises(CoercionError, match="it is empty"):
        app.parse_args([*words, "--data-dir", ""], exit_on_error=False)


@pytest.mark.parametrize("words", OF_A_FOLDER, ids=" ".join)
def test_without_a_database_it_tells_of_the_folder_that_could_be_given(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERTH_DATABASE_URL", raising=False)
    with pytest.raises(SettingsError, match="is not set; or give --data-dir"):
        app(words, result_action="return_value")
