"""The repositories and the org that the reference API's examples speak of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.replay import example
from tests.contract.stage import REPOSITORIES, Stage
from tests.support.client import Caller, made
from tests.support.fake_org.org import Org, artifact, package
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Api, Installation

EXAMPLES = "tests/contract/test_examples.py::"
VERDICTS = {"passed": "pass", "failed": "FAIL", "error": "FAIL"}


@pytest.fixture(scope="session")
def api(asking: Api) -> Api:
    """The one that asks an org, so that nothing of what an org tells is left out."""
    return asking


@pytest.fixture
def org(salesforce: FakeSalesforce) -> Org:
    """The one of the examples, as it was when they were made."""
    return salesforce.org(
        example("create").body["salesforceUsername"],
        has_single_access=False,
        artifacts=[artifact("billing", "1.2.0.7", "53cb98f", "unlocked")],
        packages=[package("billing", "04t000000000001")],
    )


@pytest.fixture
def stage(
    api: Api,
    salesforce: FakeSalesforce,
    org: Org,
    owner: Caller,
    installation: Installation,
) -> Iterator[Stage]:
    """Repositories and org are registered; no environments before and after."""
    for name in REPOSITORIES:
        body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
        assert owner.post("/projects", body).status_code in {201, 409}
    owner.org(org.auth_url, username=org.username)
    yield Stage(api, salesforce, org, owner, installation)
    for name in REPOSITORIES:
        groups = made(owner.get("/environments", repositoryIdentifier=name))
        for environment in (e for group in groups.values() for e in group):
            for record in owner.audit(environment, accessType="lock"):
                ticket = record["access_details"]["ticket_id"]
                made(owner.lock(environment).release(ticket))
            assert owner.delete(f"/environments/{environment['id']}").is_success


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Every documented answer that was replayed, each on a line, with its verdict."""
    told = {
        report.nodeid.partition("[")[2].removesuffix("]"): verdict
        for outcome, verdict in VERDICTS.items()
        for report in terminalreporter.getreports(outcome)
        if report.nodeid.startswith(EXAMPLES) and "[" in report.nodeid
    }
    if not told:
        return
    terminalreporter.section("the reference API's examples, replayed")
    for line in sorted(told, key=lambda line: line.split()[1:]):
        terminalreporter.line(f"{told[line]}  {line}")
    passed = list(told.values()).count("pass")
    terminalreporter.line(f"{passed} of {len(told)} documented answers pass")
