"""`berth export` of a repository between two instants, to a file or a pipe."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.test_log import said
from tests.support.client import Caller
from tests.support.running import Api, Installation, until

PAST, FUTURE = "2020-01-31T12:00:00Z", "2999-01-31T12:00:00Z"


def test_instants_stand_in_place_of_positions(
    installation: Installation, api: Api, owner: Caller, tmp_path: Path
) -> None:
    """What is wrong with one is told in a line that names it."""
    repository = owner.environment()["repositoryIdentifier"]
    with installation.worker():
        until(lambda: api.http.get("/log/checkpoint").is_success, 30)
    words = ["export", "--repository", repository]
    variables = installation.environment
    code, told = said(*words, "--since", PAST, **variables)
    assert code == 0, told
    header = json.loads(told.splitlines()[0])
    assert (header["asked"]["repository"], header["asked"]["first"]) == (repository, 1)
    wrong = {
        ("--until", PAST): "nothing had happened yet at --until",
        ("--until", FUTURE): "--until lies in the future",
        ("--since", PAST.removesuffix("Z")): "--since has no zone",
        ("--since", PAST, "--from", "2"): "give positions or instants, not both",
    }
    out = tmp_path / "none.ndjson"
    words += ["--out", str(out)]
    for period, why in wrong.items():
        code, told = said(*words, *period, **variables)
        assert (code, why in told) == (1, True), told
    assert not out.exists()
