"""A file that is for nobody else's eyes is there as a whole, or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands.private_file import private_file, private_text
from workers.settings import SettingsError


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """Whoever is not careful makes files for all to read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_for_its_owner_alone_from_the_first_byte_on(tmp_path: Path) -> None:
    path = tmp_path / "uat.ndjson"
    with private_file(path) as file:
        file.write(b"an event")
        file.flush()
        [draft] = tmp_path.iterdir()
        assert (draft != path, mode_of(draft)) == (True, 0o600)
    assert [*tmp_path.iterdir()] == [path]
    assert (path.read_bytes(), mode_of(path)) == (b"an event", 0o600)


def test_what_others_could_read_they_read_no_more(tmp_path: Path) -> None:
    path = tmp_path / "uat.ndjson"
    path.write_text("of yesterday")
    path.chmod(0o666)
    with path.open() as theirs:
        with private_file(path) as file:
            file.write(b"of today")
        assert theirs.read() == "of yesterday"
    assert (path.read_bytes(), mode_of(path)) == (b"of today", 0o600)


@pytest.mark.parametrize("before", ["of yesterday", None])
def test_what_breaks_off_leaves_what_was_there(
    tmp_path: Path, before: str | None
) -> None:
    path = tmp_path / "uat.ndjson"
    if before is not None:
        path.write_text(before)
    there = [*tmp_path.iterdir()]

    def breaking_off() -> None:
        with private_file(path) as file:
            file.write(b"half of")
            file.flush()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaking_off()
    assert [*tmp_path.iterdir()] == there
    assert [one.read_text() for one in there] == [before] * len(there)


def test_a_link_goes_on_leading_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "uat.ndjson", tmp_path / "latest"
    link.symlink_to(path)
    for text in b"first", b"second":
        with private_file(link) as file:
            file.write(text)
        assert link.is_symlink()
        assert (path.read_bytes(), mode_of(path)) == (text, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_another_user_s_link_leads_nowhere(tmp_path: Path) -> None:
    """Or who owns the folder of `berth up` could have root write any file."""
    path, link = tmp_path / "passwd", tmp_path / "owner-token"
    path.write_text("root")
    link.symlink_to(path)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(OSError, match="another user"), private_file(link):
        pass
    assert path.read_text() == "root"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_what_another_user_has_put_there_is_no_secret(tmp_path: Path) -> None:
    """Who owns the folder of `berth up` could sign tokens of owners."""
    path = tmp_path / "secret"
    path.write_text("mine\n")
    assert private_text(path) == "mine"
    os.chown(path, 65534, 65534)
    with pytest.raises(SettingsError, match="belongs to another user"):
        private_text(path)


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with private_file(pipe) as file:
        file.write(b"an event")
    reader.join()
    assert read == [b"an event"]
    assert [*tmp_path.iterdir()] == [pipe]
    assert pipe.is_fifo()


def test_links_that_lead_to_one_another_lead_nowhere(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(OSError, match="symbolic links"), private_file(one):
        pass
