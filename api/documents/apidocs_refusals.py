"""How each operation may refuse, for the OpenAPI document: no more, and no less."""

from __future__ import annotations

from typing import Any

from api.documents.apidocs_named import reference
from api.errors import ErrorBody
from api.schemas import LockWaitTimeout

Document = dict[str, Any]
MEDIA_JSON = "application/json"
SCHEMAS = "/sfp/api/schemas/"
CHECKPOINT = "/sfp/api/log/checkpoint"
OPEN_PATHS = (
    *("/sfp/api/ping", "/sfp/api/health/", "/sfp/api/log/keys"),
    *(SCHEMAS, CHECKPOINT),
)
# The whole installation's: what they list is never missing.
LISTS = (
    *("/projects", "/orgs", "/application-tokens", "/tasks", "/webhooks"),
    "api/audit",
)
MAY_WAIT = ("/result", "/events")
MAY_ASK_THE_ORG = "/artifacts"
CHANGES = {"post", "put", "patch", "delete"}
WAITS = ("/lock", "/acquire")
REFUSALS = {
    "400": "Something in the request is not acceptable; `field` names it",
    "401": "No token, or one that is not good",
    "403": "Not with this role, or not with somebody else's ticket or task",
    "404": "There is no such thing",
    "408": "The request did not arrive in time",
    "409": "Its present state forbids this, or the Idempotency-Key is another's",
    "410": "Too late: the lease is over",
    "413": "The body is larger than 256 KiB",
    "415": "The body is not JSON, or is compressed",
    "429": "A limit on how much may wait or be open, or how often an org is asked, is"
    " reached",
    "431": "The head of the request is larger than 32 KiB",
    "503": "The database did not answer, a key is missing, or that much past takes"
    " several requests: ask again",
}
NOT_YET = "Not yet: the ticket keeps its place; or the request did not arrive in time"


def refusals_of(path: str, method: str, operation: Document) -> Document:
    """The responses to add to those that Litestar knows of."""
    statuses = {"400", "408", "431", "503"} | _of_the_path(path, method)
    if method in CHANGES:
        statuses.add("409")
    if "requestBody" in operation:
        statuses |= {"413", "415"}
    if method == "post":  # With an Idempotency-Key, whatever is sent is read.
        statuses.add("413")
    if method in CHANGES and path.endswith(WAITS):
        statuses.add("429")
    if (method == "post" and path.endswith("/tasks")) or path.endswith(MAY_WAIT):
        statuses.add("429")
    if path.endswith(MAY_ASK_THE_ORG):
        statuses.add("429")
    if path.endswith("/renew"):
        statuses.add("410")
    shape = reference(ErrorBody.__name__)
    told = {status: _response(REFUSALS[status], shape) for status in sorted(statuses)}
    if path.endswith("/acquire"):
        waited = reference(LockWaitTimeout.__name__)
        told["408"] = _response(NOT_YET, {"anyOf": [waited, shape]})
    if method == "head":
        told = {s: {"description": r["description"]} for s, r in told.items()}
    return told


def _of_the_path(path: str, method: str) -> set[str]:
    if path.startswith(OPEN_PATHS):
        return {"404"} if path.startswith((SCHEMAS, CHECKPOINT)) else set()
    if method == "get" and path.endswith(LISTS):
        return {"401", "403"}
    return {"401", "403", "404"}


def _response(description: str, schema: Document) -> Document:
    return {"description": description, "content": {MEDIA_JSON: {"schema": schema}}}
