"""What `berth lock` and `unlock` are given: words, variables, a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Caller, Json, made
from tests.support.pipeline import Pipeline

FAILED, NOT_RUN = 125, 126


def test_a_command_finds_nothing_of_another_environment_that_it_has_as_well(
    pipeline: Pipeline, prod: Json
) -> None:
    of_another = {"BERTH_SFDX_AUTH_URL": "force://another"}
    found = pipeline.run("lock", prod, "--", "env", **of_another).variables
    assert found["BERTH_ENVIRONMENT"] == "prod"
    assert "BERTH_SFDX_AUTH_URL" not in found


def test_a_command_is_ended_by_a_broken_pipe_as_without_berth(
    pipeline: Pipeline, prod: Json
) -> None:
    done = pipeline.run("lock", prod, "--", "sh", "-c", "kill -PIPE $$; echo on")
    assert (done.code, done.printed) == (128 + 13, "")


@pytest.mark.parametrize("text", ["#!/not/there\n", "echo without a first line\n"])
def test_a_program_that_the_kernel_does_not_run_exits_as_in_a_shell(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path, text: str
) -> None:
    script = tmp_path / "deploy"
    script.write_text(text)
    script.chmod(0o700)
    done = pipeline.run("lock", prod, "--", str(script))
    assert (done.code, done.printed) == (NOT_RUN, "")
    assert not owner.look(prod)["isLocked"]


@pytest.mark.parametrize("ticket", ["", ".", "..", "../lock"])
def test_what_is_no_ticket_is_nothing_else_either(
    pipeline: Pipeline, owner: Caller, prod: Json, ticket: str
) -> None:
    pipeline.caller = owner
    done = pipeline.run("unlock", prod, ticket)
    assert (done.code, done.told) == (FAILED, "berth: that is no ticket\n")
    assert made(owner.get(f"/environments/{prod['id']}"))["name"] == "prod"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_nor_is_a_path_the_name_of_an_environment(
    pipeline: Pipeline, prod: Json, name: str
) -> None:
    done = pipeline.run("lock", prod | {"name": name}, "--", "true")
    assert (done.code, done.told) == (FAILED, "berth: that names no environment\n")


def test_words_that_are_no_text_are_refused_in_a_line(
    pipeline: Pipeline, prod: Json
) -> None:
    done = pipeline.run("lock", prod, "--reason", "\udcff", "--", "true")
    assert done.code == FAILED
    [line] = done.told.splitlines()
    assert "UTF-8" in line


def test_a_password_in_the_url_is_refused_and_not_told(
    pipeline: Pipeline, prod: Json
) -> None:
    url = pipeline.url.replace("//", "//berth:s3cret@")
    done = pipeline.run("lock", prod, "--", "true", BERTH_URL=url)
    assert done.code == FAILED
    assert "--url has a name or a password in it" in done.told
    assert "s3cret" not in done.told
