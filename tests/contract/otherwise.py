"""What the document says of each request besides its success, brought about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from httpx2 import Response

from domain.ids import new_id, new_ticket_id
from tests.contract.replay import Example
from tests.contract.scenes import CREATE, production
from tests.contract.stage import Stage
from tests.contract.task_scenes import one_time, stopped_twice
from tests.support.client import Json, made

Otherwise = Callable[[Stage, Example], Response]


def unknown(stage: Stage, its: Example) -> Response:
    ticket = new_ticket_id()
    return its.send(stage.owner, id=new_id(), name="nowhere", ticketId=ticket)


def unknown_ticket(stage: Stage, its: Example) -> Response:
    there = production(stage, its)
    return its.send(stage.owner, ticketId=new_ticket_id(), **there)


def unknown_org(stage: Stage, its: Example) -> Response:
    there = made(CREATE.send(stage.owner))
    strange = replace(its, body={"salesforceUsername": "nobody@acme.example"})
    return strange.send(stage.owner, **there)


def unknown_repository(stage: Stage, its: Example) -> Response:
    strange = its.body | {"repositoryIdentifier": "myorg/nowhere"}
    return replace(its, body=strange).send(stage.owner)


def without_query(stage: Stage, its: Example) -> Response:
    there = production(stage, its)
    return its.bare().send(stage.owner, ticketId=new_ticket_id(), **there)


def nameless(stage: Stage, its: Example) -> Response:
    body = {key: value for key, value in its.body.items() if key != "name"}
    return replace(its, body=body).send(stage.owner)


def invalid_names(stage: Stage, its: Example) -> Response:
    stage.developers()
    strange = replace(its, body={"environmentOrder": ["dev1", "dev9"]})
    return strange.telling("=text", "=false").send(stage.owner)


def twice(stage: Stage, its: Example) -> Response:
    made(its.send(stage.owner))
    return its.send(stage.owner)


def name_taken(stage: Stage, its: Example) -> Response:
    there = made(CREATE.send(stage.owner))
    stage.put(CREATE.answer, name="taken", salesforceUsername=None)
    return replace(its, body={"name": "taken"}).send(stage.owner, **there)


def while_locked(stage: Stage, its: Example) -> Response:
    there = made(CREATE.send(stage.owner))
    stage.application().lock(there).hold()
    return its.send(stage.owner, **there)


def behind_another(stage: Stage, its: Example) -> Response:
    there, caller = production(stage, its), stage.application()
    stage.application().lock(there).hold()
    ticket = caller.lock(there).ticket()
    impatient = its.telling(" HTTP/", "&timeoutSeconds=0 HTTP/")
    return impatient.send(caller, ticketId=ticket, **there)


def redirected(stage: Stage, its: Example) -> Response:
    return its.send(stage.application(), **production(stage, its))


def expired(stage: Stage, its: Example) -> Response:
    """The org takes its refresh token no more."""
    there: Json = production(stage, its)
    stage.org.is_expired = True
    stage.org.end_sessions()
    return its.send(stage.application(), **there)


OTHERWISE: dict[tuple[str, int], Otherwise] = {
    ("acquire", 404): unknown_ticket,
    ("acquire", 408): behind_another,
    ("acquire_by_name", 404): unknown_ticket,
    ("acquire_by_name", 408): behind_another,
    ("artifacts", 400): expired,
    ("artifacts", 404): unknown,
    ("artifacts_by_name", 400): expired,
    ("artifacts_by_name", 404): unknown,
    ("create", 400): nameless,
    ("create", 404): unknown_repository,
    ("create", 409): twice,
    ("delete", 404): unknown,
    ("delete", 409): while_locked,
    ("delete_by_name", 404): unknown,
    ("delete_by_name", 409): while_locked,
    ("frontdoor", 302): redirected,
    ("frontdoor", 400): expired,
    ("frontdoor", 404): unknown,
    ("get", 404): unknown,
    ("get_by_name", 404): unknown,
    ("lock", 400): without_query,
    ("lock", 404): unknown,
    ("lock_by_name", 400): without_query,
    ("lock_by_name", 404): unknown,
    ("order", 400): lambda stage, its: its.bare().send(stage.owner),
    ("patch", 404): unknown_org,
    ("patch", 409): name_taken,
    ("patch_by_name", 404): unknown_org,
    ("patch_by_name", 409): name_taken,
    ("put_order", 400): invalid_names,
    ("release", 400): without_query,
    ("release", 404): unknown_ticket,
    ("release_by_name", 400): without_query,
    ("release_by_name", 404): unknown,
    ("releases", 404): unknown,
    ("releases_by_name", 400): without_query,
    ("releases_by_name", 404): unknown,
    ("task_stop_recurring", 400): stopped_twice,
    ("task_stop_recurring", 404): one_time,
}
