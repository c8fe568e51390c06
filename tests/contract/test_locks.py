"""Locks and their audit, beyond the examples."""

from __future__ import annotations

import pytest

from tests.contract.replay import example
from tests.contract.scenes import CREATE
from tests.contract.stage import Stage
from tests.support.client import made, refused


@pytest.mark.parametrize("suffix", ["", "_by_name"])
def test_3600_seconds_and_60_minutes_are_the_same_lease(
    stage: Stage, suffix: str
) -> None:
    there, caller = stage.production(by_name=bool(suffix)), stage.application()
    ticket = made(example(f"lock{suffix}").send(caller, **there))["ticketId"]
    looked = made(caller.lock(there).look(ticket))
    assert looked["leaseDurationSeconds"] == 3_600
    assert looked["lockReason"] == "Deploying release v2.1.0"


@pytest.mark.parametrize("suffix", ["", "_by_name"])
def test_the_missing_query_parameter_is_named(stage: Stage, suffix: str) -> None:
    there = stage.production(by_name=bool(suffix))
    answer = example(f"lock{suffix}").bare().send(stage.owner, **there)
    missing = "repositoryIdentifier" if suffix else "repositoryName"
    assert refused(answer, 400)["field"] == missing


def test_the_audit_of_a_repository_has_the_same_records(stage: Stage) -> None:
    stage.put(CREATE.answer)
    path = "/environments/repository/myorg%2Fmyrepo/audit"
    [created] = stage.owner.get(path, accessType="create").json()
    assert created.keys() == example("audit").answer[0].keys()
