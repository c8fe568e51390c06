"""`berth export` of a repository from an instant on, to a file or a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.client import Caller
from tests.support.loaded import said
from tests.support.running import Api, Installation, until

NOT_ONE = ("--environment", ""), ("--environment", "prod"), ("--repository", "")
PAST = "2020-01-31T12:00:00Z"


def test_it_goes_to_standard_output_unless_a_file_is_named(
    installation: Installation, api: Api, owner: Caller, tmp_path: Path
) -> None:
    """And what is wrong with an instant makes no file."""
    repository = owner.environment()["repositoryIdentifier"]
    with installation.worker():
        until(lambda: api.http.get("/log/checkpoint").is_success)
    words = ["export", "--repository", repository]
    variables = installation.environment
    code, told = said(*words, "--from", PAST, **variables)
    assert code == 0, told
    lines = [line for line in told.splitlines() if line.startswith("{")]
    header, *events, _ = map(json.loads, lines)
    assert header["asked"]["repository"] == repository
    assert "project.registered" in {event["topic"] for event in events}
    out = tmp_path / "none.ndjson"
    code, told = said(
        *words, "--out", str(out), "--from", PAST.removesuffix("Z"), **variables
    )
    assert (code != 0, "zone" in told) == (True, True), told
    assert not out.exists()


@pytest.mark.parametrize(("option", "value"), NOT_ONE)
def test_what_names_nothing_is_refused(
    installation: Installation, option: str, value: str, tmp_path: Path
) -> None:
    """As it is where a variable of the shell has nothing in it."""
    out = tmp_path / "none.ndjson"
    words = ["export", option, value, "--out", str(out)]
    code, told = said(*words, **installation.environment)
    assert (code, option in told) == (1, True), told
    assert not out.exists()
