"""From a repository to a release under a lock, on any way that the document's links go.

A wanderer follows them at random. What it finds must not depend on who wandered before,
so whatever it makes has a name of its own.
"""

from __future__ import annotations

from typing import Any

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode, Response

from tests.contract.attack import AnyCase, Attacker, document_of, impatient, looking
from tests.contract.stage import Stage
from tests.support.client import unique
from tests.support.tasks import NOTHING

EVERYTHING = "."
TO_A_RELEASE = r"/(projects|environments|lock|acquire|releases|\{ticketId\})$"
ROUNDS_MAX = 20
LOOKING = settings(looking(8, stateful_step_count=15), derandomize=False)
PLACES = "{id}", "by-name/{name}"


THINGS = {
    ("DELETE /sfp/api/application-tokens/{tokenId}", 204),
    ("DELETE /sfp/api/auth/salesforce/org", 204),
    ("PATCH /sfp/api/projects/{identifier}", 200),
    ("DELETE /sfp/api/tasks/{operationId}", 200),
    ("POST /sfp/api/tasks/{operationId}/stop-recurring", 404),
    ("PATCH /sfp/api/webhooks/{webhookId}", 200),
}
RELEASES = {
    (f"{verb} /sfp/api/environments/{place}/{route}", status)
    for place in PLACES
    for verb, route, status in (
        ("PUT", "lock/{ticketId}/acquire", 200),
        ("POST", "releases", 201),
        ("DELETE", "lock/{ticketId}", 200),
    )
}


def test_one_thing_leads_to_another_as_the_links_say(stage: Stage) -> None:
    wander(stage, EVERYTHING, THINGS)


def test_the_links_lead_to_a_release_under_a_lock(stage: Stage) -> None:
    wander(stage, TO_A_RELEASE, RELEASES)


def wander(stage: Stage, paths: str, goals: set[tuple[str, int]]) -> None:
    """At least once, and again until every goal was met."""
    attacker = Attacker(stage.owner)
    for number in range(ROUNDS_MAX):
        seed(number)(machine := wandering(stage, paths, attacker))
        run_state_machine_as_test(machine, settings=LOOKING)
        if goals <= attacker.answers.keys():
            return
    raise AssertionError(goals - attacker.answers.keys())


def wandering(stage: Stage, paths: str, attacker: Attacker) -> Any:
    document = document_of(stage.api).include(path_regex=paths)
    phase = document.config.phases.stateful
    phase.generation.update(modes=[GenerationMode.POSITIVE])
    phase.link_calibration = False
    phase.inference.algorithms = []

    class Wandering(document.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: AnyCase) -> dict[str, Any]:
            del case
            return {"headers": attacker.headers, "allow_redirects": False}

        def before_call(self, case: AnyCase) -> None:
            impatient(case)
            its_own(stage, case)

        def validate_response(
            self, response: Response, case: AnyCase, **_: Any
        ) -> None:
            attacker.check(case, response)

    return Wandering


def its_own(stage: Stage, case: AnyCase) -> None:
    """Names that nobody has had, keys that nobody has used, an org that is there."""
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = unique("key")
    body = case.body if isinstance(case.body, dict) else {}
    match case.operation.label.rpartition("/")[2]:
        case "projects":
            body |= {
                "identifier": unique("acme/shop"),
                "remoteUrl": "https://a.example",
            }
        case "environments":
            body["name"] = unique("uat")
            body |= dict.fromkeys(("salesforceUsername", "devHubUsername", "branch"))
            body |= {"tags": [], "isActive": True}
        case "webhooks":
            body |= {"event": "*", "config": {"url": "https://127.0.0.1:9"}}
            body |= {"status": "inactive", "name": unique("hook")}
        case "{webhookId}":
            body.clear()
        case "tasks":
            body |= NOTHING | {"scheduleType": "immediate", "timeout": None}
            body.pop("scheduledFor", None)
            body.pop("recurrenceConfig", None)
        case "lock":
            body["leaseDurationMinutes"] = None
        case "releases":
            body |= {"name": unique("v"), "domain": "core", "publishedAt": None}
        case "register":
            org = stage.salesforce.org(unique("deploy@acme.example"))
            body |= {"username": org.username, "sfdxAuthUrl": org.auth_url}
