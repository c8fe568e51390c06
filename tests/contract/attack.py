"""What the API document's own generator needs to know: who asks, and what is there."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, Response
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.contract.stage import Stage
from tests.support.client import Caller, Json, made, unique
from tests.support.running import Api
from tests.support.tasks import NOTHING

AnyCase = Case[Any]
Operation = APIOperation[Any, Any, Any, Any]
Document = OpenApiSchema
NAME = "uat"
# How much longer to look than in every run of the tests, and then elsewhere each time.
TIMES = int(os.environ.get("BERTH_CONTRACT_TIMES", "1"))
# No schema tells which names are in use, or that two leases in one body are one too
# many: what such a rule refuses is documented as any other 400.
BEYOND_SCHEMAS: list[CheckFunction] = [positive_data_acceptance]


def looking(examples: int, **otherwise: Any) -> settings:
    """So many examples, the same ones each time."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **otherwise,
    )


@dataclass
class Attacker:
    """Sends cases as `caller` (nobody, if None), and counts what they came to."""

    caller: Caller | None = None
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def headers(self) -> dict[str, str]:
        if self.caller is None:
            return {}
        return {"Authorization": f"Bearer {self.caller.token}"}

    def send(self, case: AnyCase) -> None:
        """The answer is one that the document tells of, and never a 5xx."""
        impatient(case)
        answer = case.call(headers=self.headers, allow_redirects=False)
        self.check(case, answer)

    def check(self, case: AnyCase, answer: Response) -> None:
        self.answers[case.operation.label, answer.status_code] += 1
        case.validate_response(
            answer, headers=self.headers, excluded_checks=BEYOND_SCHEMAS
        )

    @property
    def labels(self) -> set[str]:
        return {label for label, _ in self.answers}

    def came_to(self, label: str) -> dict[int, int]:
        """How often this operation was answered with each status."""
        return {s: times for (of, s), times in self.answers.items() if of == label}


def document_of(api: Api) -> Document:
    """As a running process tells it. Tokens are the callers' own: none is made up."""
    schema = schemathesis.openapi.from_url(f"{api.url}/sfp/apidocs-json")
    schema.config.generation.update(with_security_parameters=False)
    return schema


def operations(document: Document) -> list[Operation]:
    """All of them: one that makes no sense is an error."""
    found = list(document.get_all_operations())
    assert all(isinstance(one, Ok) for one in found)
    return [one.ok() for one in found if isinstance(one, Ok)]


def impatient(case: AnyCase) -> None:
    """Nobody waits for a lock or a task here, unless what he says is refused anyway."""
    if case.path.endswith(("/result", "/events")):
        case.query = {"wait": 0} | (case.query or {})
        if str(case.query["wait"]).isdecimal():
            case.query["wait"] = 0
    if not case.path.endswith("/acquire"):
        return
    body = case.body
    if isinstance(body, dict) and isinstance(
        said := body.get("timeoutSeconds"), int | float
    ):
        body["timeoutSeconds"] = said if said % 1 else min(said, 0)
    else:
        case.query = {"timeoutSeconds": 0} | (case.query or {})
        with suppress(ValueError):
            if float(str(case.query["timeoutSeconds"])).is_integer():
                case.query["timeoutSeconds"] = 0


def fill(case: AnyCase, known: dict[str, Any]) -> None:
    """What is there, in place of what was made up."""
    for part in case.path_parameters, case.query, case.body:
        if isinstance(part, dict):
            part |= {key: known[key] for key in part.keys() & known.keys()}
    if "name" in (case.path_parameters or {}):
        case.path_parameters["name"] = NAME


def something(stage: Stage, holder: Caller) -> dict[str, Any]:
    """An environment with an org, locked by `holder`, by parameters and fields."""
    org = stage.salesforce.org(unique("deploy@acme.example"))
    stage.owner.org(org.auth_url, username=org.username)
    there = stage.owner.environment(name=NAME, salesforceUsername=org.username)
    ticket = holder.lock(there).hold()["ticketId"]
    repository = there["repositoryIdentifier"]
    return {
        "category": there["category"],
        "environmentOrder": [NAME],
        "eventSchema": "berth.lock.acquired.v1.json",
        "id": there["id"],
        "operationId": made(holder.post("/tasks", NOTHING))["operationId"],
        "identifier": repository,
        "repositoryIdentifier": repository,
        "repositoryName": there["repositoryName"],
        "salesforceUsername": org.username,
        "sfdxAuthUrl": org.auth_url,
        "ticketId": ticket,
        "username": org.username,
        "webhookId": hook_of(stage.owner),
    }


def hook_of(owner: Caller) -> str:
    """One of a few, whose receiver is not there: there may not be many."""
    known: list[Json] = owner.get("/webhooks").json()
    if known:
        return str(known[0]["id"])
    body = {"name": "a", "event": "*", "config": {"url": "https://127.0.0.1:9"}}
    return str(made(owner.post("/webhooks", body | {"status": "inactive"}))["id"])
