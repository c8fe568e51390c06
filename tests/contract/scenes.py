"""Each example's scene: what was there before, and how its request is then sent.

A scene answers what the server said: the status, and the body as the example has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from httpx2 import Response

from tests.contract.replay import Example, example
from tests.contract.stage import REPOSITORIES, Stage
from tests.contract.task_scenes import TASK_SCENES
from tests.support.client import Json, made

Said = tuple[int, Any]
Scene = Callable[[Stage, Example], Said]
CREATE = example("create")


def said(answer: Response) -> Said:
    return answer.status_code, answer.json() if answer.content else None


def listed(stage: Stage, its: Example) -> Said:
    """Other tests have environments of their own on the same server."""
    stage.fleet()
    status, groups = said(its.send(stage.owner))
    return status, {
        category: [e for e in group if e["repositoryIdentifier"] == REPOSITORIES[0]]
        for category, group in groups.items()
    }


def created(stage: Stage, its: Example) -> Said:
    return said(its.send(stage.owner))


def ordered(stage: Stage, its: Example) -> Said:
    """In the document, `includeInactive=text` holds the place of a boolean."""
    stage.developers()
    stage.order(example("list").answer["dev"][0], its.answer)
    return said(its.telling("=text", "=false").send(stage.owner))


def put_in_order(stage: Stage, its: Example) -> Said:
    """The example's answer is to another order than the one it asks for."""
    stage.developers()
    its = its.telling("=text", "=false")
    asked = its.body["environmentOrder"]
    assert said(its.send(stage.owner)) == (200, asked)
    return said(replace(its, body={"environmentOrder": its.answer}).send(stage.owner))


def looked_at(stage: Stage, its: Example) -> Said:
    theirs = stage.put(its.answer)
    stage.application(its.answer["lockedBy"]).lock(theirs).hold()
    return said(its.send(stage.owner, id=theirs["id"]))


def looked_at_by_name(stage: Stage, its: Example) -> Said:
    theirs = made(CREATE.send(stage.owner))
    status, ours = said(its.send(stage.owner, name="prod"))
    assert ours == theirs
    return status, None


def patched(stage: Stage, its: Example) -> Said:
    before = stage.put(its.answer, tags=["critical"])
    stage.put_first(before)
    return said(its.send(stage.owner, id=before["id"]))


def patched_by_name(stage: Stage, its: Example) -> Said:
    """The example's body is a place-holder; the one of its sibling does."""
    made(CREATE.send(stage.owner))
    assert its.send(stage.owner, name="prod").status_code == 400
    body = example("patch").body
    status, ours = said(replace(its, body=body).send(stage.owner, name="prod"))
    assert ours["tags"] == body["tags"]
    return status, None


def deleted(stage: Stage, its: Example) -> Said:
    there = made(CREATE.send(stage.owner))
    answer = said(its.send(stage.owner, **there))
    assert stage.owner.get(f"/environments/{there['id']}").status_code == 404
    return answer


def locked(stage: Stage, its: Example) -> Said:
    there = production(stage, its)
    return said(its.send(stage.application(), **there))


def acquired(stage: Stage, its: Example) -> Said:
    there, holder = production(stage, its), stage.application()
    ticket = holder.lock(there).ticket()
    return said(its.send(holder, ticketId=ticket, **there))


def released(stage: Stage, its: Example) -> Said:
    there, holder = production(stage, its), stage.application()
    ticket = holder.lock(there).hold()["ticketId"]
    status, ours = said(its.send(holder, ticketId=ticket, **there))
    assert ours == {"status": "released", "ticketId": ticket}
    assert not stage.owner.look(there)["isLocked"]
    return status, None


def audited(stage: Stage, its: Example) -> Said:
    """No record is of type `text`. The newest one is of the release after it."""
    theirs: Json = its.answer[0]
    there = stage.put(CREATE.answer)
    lock = stage.application(theirs["accessed_by"]).lock(there)
    facts = theirs["access_details"]
    held = lock.hold(
        leaseDurationSeconds=facts["duration_seconds"], reason=facts["reason"]
    )
    made(lock.release(held["ticketId"]))
    assert said(its.send(stage.owner, **there)) == (200, [])
    told = its.telling("=text", "=lock").telling("offset=1", "offset=1&limit=1")
    return said(told.send(stage.owner, **there))


def audited_repository(stage: Stage, its: Example) -> Said:
    stage.put(CREATE.answer)
    return said(its.send(stage.owner, repositoryIdentifier="myorg%2Fmyrepo"))


def let_in(stage: Stage, its: Example) -> Said:
    told = its.telling("/frontdoor", "/frontdoor?redirect=false")
    return said(told.send(stage.application(), **production(stage, its)))


def inventoried(stage: Stage, its: Example) -> Said:
    """The first time it is not from the cache, as it is in the example."""
    there = production(stage, its)
    assert not made(its.send(stage.owner, **there))["cached"]
    return said(its.send(stage.owner, **there))


def published(stage: Stage, its: Example) -> Said:
    there = stage.production(by_name=True)
    [theirs] = its.answer["releases"]
    facts = {key: theirs[key] for key in ("name", "domain", "publishedAt", "metadata")}
    made(stage.owner.publish(there, **facts))
    return said(its.send(stage.owner, **there))


def production(stage: Stage, its: Example) -> Json:
    return stage.production(by_name="/by-name/" in its.request)


SCENES: dict[str, Scene] = {
    "acquire": acquired,
    "acquire_by_name": acquired,
    "artifacts": inventoried,
    "artifacts_by_name": inventoried,
    "audit": audited,
    "audit_of_repository": audited_repository,
    "create": created,
    "delete": deleted,
    "delete_by_name": deleted,
    "frontdoor": let_in,
    "get": looked_at,
    "get_by_name": looked_at_by_name,
    "list": listed,
    "lock": locked,
    "lock_by_name": locked,
    "order": ordered,
    "patch": patched,
    "patch_by_name": patched_by_name,
    "put_order": put_in_order,
    "release": released,
    "release_by_name": released,
    "releases": published,
    "releases_by_name": published,
    **TASK_SCENES,
}
