"""A task has what is its own, and nothing of its worker's."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import psutil
import pytest

from tests.workers.running.stage import Ear, assigned, carried_out, server
from workers.embedded.process import wait_for
from workers.running import Assignment, Completed
from workers.running.keepers import SPARES

# The standard ones; /dev/null again, and a bell, of the fork server; a bell of its own;
# a line to the fork server, and one to the process that stands by; its hold on the
# worker's folder.
DESCRIPTORS_OF_A_KEEPER = 3 + 3 + 2 + 2 + 1


def looked_around(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("BERTH_SECRET", "of-the-worker")
    monkeypatch.setenv("TZ", "Europe/Rome")
    ending, _ = carried_out("look_around")
    assert isinstance(ending, Completed)
    found: dict[str, object] = ending.result
    return found


def test_its_environment_is_five_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_around(monkeypatch)
    environment = found["environment"]
    assert isinstance(environment, dict)
    assert set(environment) - {"LANG"} == {"PATH", "HOME", "TMPDIR", "TZ"}
    assert environment["PATH"] == os.environ["PATH"]
    assert "of-the-worker" not in str(found["initial"])


def test_its_folder_is_its_own_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_around(monkeypatch)
    folder = str(found["folder"])
    assert {found["here"], found["temporary"]} == {folder}
    assert not Path(folder).exists()


def test_a_folder_that_it_has_closed_is_removed(tmp_path: Path) -> None:
    async def close() -> bool:
        async with server(tmp_path) as forking:
            ending = await forking.run(assigned("close_folder"), Ear())
            assert isinstance(ending, Completed)
            assert ending.result.startswith(str(tmp_path))
            return await asyncio.to_thread(os.path.lexists, ending.result)

    assert not asyncio.run(close())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_though_its_keeper_was_killed(tmp_path: Path) -> None:
    async def kill() -> list[Path]:
        async with server(tmp_path) as forking:
            await forking.run(assigned("kill_keeper"), Ear())
            return await asyncio.to_thread(lambda: [*tmp_path.glob("*/*/left")])

    assert asyncio.run(kill()) == []


def test_a_folder_is_removed_however_deep_it_is(tmp_path: Path) -> None:
    async def dig() -> None:
        async with server(tmp_path) as forking:
            ending = await forking.run(assigned("dig", levels=3_000), Ear())
            assert isinstance(ending, Completed), ending
            assert not await asyncio.to_thread(os.path.lexists, ending.result)

    asyncio.run(dig())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("leads", [True, False])
def test_what_is_put_in_its_folder_s_place_goes_and_not_what_that_leads_to(
    tmp_path: Path, leads: bool
) -> None:
    folder, elsewhere = tmp_path / "tasks", tmp_path / "elsewhere"
    (elsewhere / "inner").mkdir(parents=True)
    (elsewhere / "inner" / "file").touch()
    folder.mkdir()

    async def put() -> None:
        async with server(folder) as forking:
            target = str(elsewhere) if leads else ""
            ending = await forking.run(
                assigned("put_in_its_place", target=target), Ear()
            )
            assert isinstance(ending, Completed), ending
            assert not await asyncio.to_thread(os.path.lexists, ending.result)

    asyncio.run(put())
    assert (elsewhere / "inner" / "file").exists()
    assert list(folder.iterdir()) == []


def test_whatever_tidies_the_temporary_folder_does_no_harm(tmp_path: Path) -> None:
    def all_stand_by() -> bool:
        return len(list(tmp_path.glob("*/task-*"))) == SPARES

    async def tidy() -> None:
        async with server(tmp_path) as forking:
            assert await asyncio.to_thread(wait_for, all_stand_by, 10)
            for folder in await asyncio.to_thread(tmp_path.iterdir):
                await asyncio.to_thread(shutil.rmtree, folder)
            for _ in range(12):  # more than stood by
                ending = await forking.run(assigned("look_around"), Ear())
                assert isinstance(ending, Completed), ending

    asyncio.run(tidy())
    assert list(tmp_path.iterdir()) == []


def test_nor_does_whoever_puts_something_in_its_place(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def all_stand_by() -> bool:
        return len(list(tmp_path.glob("*/task-*"))) == SPARES

    def put_link() -> None:
        [folder] = [found for found in tmp_path.iterdir() if found != elsewhere]
        shutil.rmtree(folder)
        folder.symlink_to(elsewhere)

    async def replace() -> list[object]:
        async with server(tmp_path) as forking:
            assert await asyncio.to_thread(wait_for, all_stand_by, 10)
            await asyncio.to_thread(put_link)
            endings = [
                await forking.run(assigned("look_around"), Ear()) for _ in range(12)
            ]  # more than stood by
        return [ending.result for ending in endings if isinstance(ending, Completed)]

    found = asyncio.run(replace())
    assert len(found) >= 12 - SPARES  # Those that stood by have no place any more.
    for task in found:
        assert isinstance(task, dict)
        assert Path(task["folder"]).parent == tmp_path
    assert list(tmp_path.iterdir()) == [elsewhere]


def test_it_has_four_descriptors_and_its_own_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = looked_around(monkeypatch)
    assert found["descriptors"] == [0, 1, 2, 3]
    assert found["leader"]
    assert found["threads"] == 1


def test_each_has_a_process_of_its_own() -> None:
    async def pids() -> list[object]:
        async with server() as forking:
            endings = [await forking.run(assigned("report_pid"), Ear()) for _ in "123"]
        return [ending.result for ending in endings if isinstance(ending, Completed)]

    assert len(set(asyncio.run(pids()))) == 3


def test_keepers_serve_again_and_hold_nothing_of_the_tasks_before() -> None:
    """The first come before any keeper, so that these are forked in between."""

    async def all_free() -> bool:
        async with server() as forking:
            assert forking.pid
            for round_number in range(4):
                runs = (
                    forking.run(
                        Assignment(
                            operation_id=f"{round_number}-{n}",
                            attempt=1,
                            task_type="echo",
                            data={},
                        ),
                        Ear(),
                    )
                    for n in range(8)
                )
                await asyncio.gather(*runs)
            found = psutil.Process(forking.pid).children()
            assert SPARES <= len(found) <= 8 + 8 + SPARES  # of 32: the slow come late
            return await asyncio.to_thread(wait_for, lambda: are_free(found), 5)

    def count_of(keeper: psutil.Process) -> int:
        """But for what libffi keeps, on some versions of Python."""
        found = Path(f"/proc/{keeper.pid}/fd").iterdir()
        return sum("ffi" not in one.readlink().name for one in found)

    def are_free(keepers: list[psutil.Process]) -> bool:
        return all(count_of(one) == DESCRIPTORS_OF_A_KEEPER for one in keepers)

    assert asyncio.run(all_free())
