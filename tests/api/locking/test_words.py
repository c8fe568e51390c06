"""What `berth lock` and `unlock` are given: words, variables, a program."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.client import Caller, Json, made
from tests.support.pipeline import Pipeline
from tests.support.running import free_port, until

NO_SENSE, FAILED, NOT_RUN = 2, 125, 126


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


def test_nor_is_one_with_its_repository_before_it(
    pipeline: Pipeline, prod: Json
) -> None:
    name = f"{prod['repositoryIdentifier']}/prod"
    done = pipeline.run("lock", prod | {"name": name}, "--", "true")
    assert done.code == FAILED
    assert done.lines == ["berth: a name has no slash: --repository says where it is"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--"], "there is no command after --"),  # Such as $COMMAND, which is not set.
        (["--leese", "30", "--", "true"], "--leese is no option"),
    ],
)
def test_what_begins_no_command_locks_nothing(
    pipeline: Pipeline, owner: Caller, prod: Json, words: list[str], told: str
) -> None:
    done = pipeline.run("lock", prod, *words)
    assert (done.code, done.printed) == (NO_SENSE, "")
    [line] = done.lines
    assert told in line
    assert owner.audit(prod, accessType="lock") == []


@pytest.mark.parametrize("option", ["--repository", "--url"])
def test_what_is_given_empty_is_not_taken_from_elsewhere(
    pipeline: Pipeline, prod: Json, option: str
) -> None:
    done = pipeline.run("lock", prod, option, "", "--", "echo", "ran")
    assert (done.code, done.printed) == (NO_SENSE, "")
    assert option in done.told


@pytest.mark.parametrize("end", ["/", "/sfp", "/sfp/api", "/sfp/api/"])
def test_the_url_may_be_that_of_the_api(
    pipeline: Pipeline, prod: Json, end: str
) -> None:
    url = pipeline.url + end
    assert pipeline.run("lock", prod, "--", "true", BERTH_URL=url).code == 0


def test_a_proxy_that_does_not_answer_is_named(pipeline: Pipeline, prod: Json) -> None:
    proxy = f"http://berth:s3cret@localhost:{free_port()}"
    waiting = pipeline.start("lock", prod, "--", "true", HTTP_PROXY=proxy)
    until(lambda: "asking again" in waiting.told)
    done = waiting.signalled(signal.SIGTERM).done()
    assert "127.0.0.1 does not answer through the proxy localhost" in done.told
    assert "s3cret" not in done.told


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SSL_CERT_FILE", "/not/there", "SSL_CERT_FILE"),
        ("ALL_PROXY", "foo://berth:s3cret@proxy", "names a proxy"),
        ("ALL_PROXY", "socks5://berth:s3cret@proxy", "names a proxy"),
    ],
)
def test_a_way_to_the_server_that_cannot_be_had_is_told_in_a_line(
    pipeline: Pipeline, prod: Json, variable: str, value: str, told: str
) -> None:
    done = pipeline.run("lock", prod, "--", "echo", "ran", **{variable: value})
    assert (done.code, done.printed) == (FAILED, "")
    [line] = done.told.splitlines()
    assert told in line
    assert "s3cret" not in line


def test_a_reason_that_is_too_long_is_refused_before_anything_is_asked(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    done = pipeline.run("lock", prod, "--reason", 1_001 * "x", "--", "echo", "ran")
    assert (done.code, done.printed) == (NO_SENSE, "")
    assert done.told == "berth: --reason has more than 1,000 characters\n"
    assert owner.audit(prod, accessType="lock") == []
    done = pipeline.run("lock", prod, "--reason", 1_000 * "x", "--", "true")
    assert done.code == 0


def test_words_that_are_no_text_are_refused_in_a_line(
    pipeline: Pipeline, prod: Json
) -> None:
    done = pipeline.run("lock", prod, "--reason", "\udcff", "--", "true", shell="2>&2")
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
