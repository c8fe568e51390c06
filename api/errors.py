"""The one table from refusals to HTTP, and the one shape in which they are told."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    ValidationException,
)
from msgspec import UNSET, DecodeError, Struct, UnsetType, ValidationError

from api.methods import allowed
from api.requests import request_id_of
from domain import errors
from domain.choices import explained
from domain.field_path import told
from domain.task import errors as task_errors

log = structlog.get_logger()
AnyRequest = Request[Any, Any, Any]
MISSING = re.compile(r"Missing required \w+ parameter '(\w+)'")
NO_ROUTE = "there is no such route; /sfp/apidocs tells of all that there are"

STATUS: dict[type[errors.DomainError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LeaseOver: 410,
    errors.SalesforceRefused: 400,
    task_errors.TaskOver: 400,
    errors.TooMany: 429,
}


UNDECODABLE = (DecodeError, UnicodeDecodeError, ValidationError, RecursionError)


class ErrorBody(Struct, rename="camel", omit_defaults=True):
    """Every answer that is not a success. `field` is what a 400 is about.

    `status` is that of a task or a ticket which is over.
    """

    status_code: int
    error: str
    message: str
    code: str
    request_id: str
    field: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


def error_body(
    status: int,
    message: str,
    request_id: str,
    code: str | None = None,
    field: str | UnsetType = UNSET,
) -> ErrorBody:
    """Without a `code` it is the status's own: `NOT_FOUND`."""
    phrase = HTTPStatus(status).phrase
    return ErrorBody(
        status_code=status,
        error=phrase,
        message=message,
        code=code or phrase.upper().replace(" ", "_").replace("-", "_"),
        request_id=request_id,
        field=field,
    )


def answer(
    request: AnyRequest,
    status: int,
    message: str,
    code: str | None = None,
    *,
    field: str | UnsetType = UNSET,
    headers: dict[str, str] | None = None,
) -> Response[ErrorBody]:
    body = error_body(status, message, request_id_of(request.scope), code, field)
    return Response(body, status_code=status, headers=headers)


def status_of(error: errors.DomainError) -> int:
    """By the nearest of its classes in `STATUS`."""
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def refused(request: AnyRequest, error: errors.DomainError) -> Response[ErrorBody]:
    """With what its status asks for: `WWW-Authenticate`, `Retry-After` in seconds."""
    status = status_of(error)
    if isinstance(error, errors.SalesforceRefused):
        request.scope["state"]["is_of_the_moment"] = (
            True  # No answer to keep for a day.
        )
    headers = {401: {"WWW-Authenticate": "Bearer"}}
    if isinstance(error, errors.TooMany):
        headers[status] = {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.KeyInUse):
        headers[status] = {"Retry-After": "1"}
    body = refused_body(error, request_id_of(request.scope))
    return Response(body, status_code=status, headers=headers.get(status))


def refused_body(error: errors.DomainError, request_id: str) -> ErrorBody:
    field = error.field if isinstance(error, errors.Invalid) else UNSET
    body = error_body(status_of(error), str(error), request_id, error.code, field)
    if isinstance(error, task_errors.TaskOver | errors.TicketEnded):
        body.status = error.status
    return body


def unavailable(
    request: AnyRequest, error: errors.JournalUnavailable
) -> Response[ErrorBody]:
    """The outcome is open: the caller has to look, or to ask again."""
    return answer(request, 503, str(error), error.code, headers={"Retry-After": "1"})


def issuer_unavailable(
    request: AnyRequest, error: errors.IssuerUnavailable
) -> Response[ErrorBody]:
    """Nobody can tell whether the token is good; nothing was done."""
    later = {"Retry-After": str(error.retry_after_seconds)}
    return answer(request, 503, str(error), error.code, headers=later)


def vault_closed(request: AnyRequest, error: errors.VaultClosed) -> Response[ErrorBody]:
    """Another process may have the key."""
    body = vault_closed_body(error, request_id_of(request.scope))
    later = {"Retry-After": "5"}
    return Response(body, status_code=body.status_code, headers=later)


def vault_closed_body(error: errors.VaultClosed, request_id: str) -> ErrorBody:
    """Told to the log as well: the message is for who runs Berth."""
    log.error(
        "vault closed",
        key_version=error.version,
        reason=str(error),
        request_id=request_id,
    )
    return error_body(503, str(error), request_id, "VAULT_CLOSED")


def undecodable(request: AnyRequest, error: Exception) -> Response[ErrorBody]:
    """A body that is not JSON, or not the JSON we asked for."""
    body = undecodable_body(error, request_id_of(request.scope))
    return Response(body, status_code=body.status_code)


def undecodable_body(error: Exception, request_id: str) -> ErrorBody:
    """400, with the path of the field; what was sent is not repeated."""
    if not isinstance(error, ValidationError):
        message = f"the body is not JSON: {error}"
        return error_body(400, message, request_id, "INVALID_JSON", "body")
    what, path = told(error)
    field = path or "body"
    return error_body(400, f"{field}: {what}", request_id, "INVALID", field)


def invalid_parameter(
    request: AnyRequest, error: ValidationException
) -> Response[ErrorBody]:
    """A path or query parameter is missing or makes no sense."""
    if missing := MISSING.match(error.detail):
        name = missing[1]
        return answer(request, 400, f"{name} is required", "INVALID", field=name)
    problems = error.extra if isinstance(error.extra, list) else []
    told = {
        as_sent(p["key"]): _told_of(request, p["key"], p["message"])
        for p in problems
        if p.get("key", "data") != "data"  # An absent body is said to be one, too.
    } or {"body": "a JSON object is required"}
    message = "; ".join(f"{name}: {problem}" for name, problem in told.items())
    return answer(request, 400, message, "INVALID", field=next(iter(told)))


def _told_of(request: AnyRequest, parameter: str, message: str) -> str:
    takes = request.route_handler.parsed_fn_signature.parameters
    kind = takes[parameter].annotation if parameter in takes else Any
    return str(explained(ValidationError(message), kind))


def as_sent(parameter: str) -> str:
    """`timeout_seconds` as callers spell it."""
    first, *rest = parameter.split("_")
    return first + "".join(word.title() for word in rest)


def http_error(request: AnyRequest, error: HTTPException) -> Response[ErrorBody]:
    """What Litestar itself refuses: no such route, wrong method, too large."""
    headers, message = error.headers, error.detail
    if isinstance(error, MethodNotAllowedException) and headers:
        headers = {"allow": allowed(headers["allow"])}
    if message == HTTPStatus.NOT_FOUND.phrase:
        message = NO_ROUTE
    return answer(request, error.status_code, message, headers=headers)


def failed(request: AnyRequest, error: Exception) -> Response[ErrorBody]:
    """A bug of ours: told to the log in full, to the caller not at all."""
    log.error(
        "unexpected error",
        exc_info=error,
        request_id=request_id_of(request.scope),
        path=request.scope["path"],
    )
    return answer(request, 500, "something went wrong; the log has the details")


HANDLERS: dict[type[Exception] | int, Any] = {
    errors.DomainError: refused,
    errors.JournalUnavailable: unavailable,
    errors.IssuerUnavailable: issuer_unavailable,
    errors.VaultClosed: vault_closed,
    **dict.fromkeys(UNDECODABLE, undecodable),
    ValidationException: invalid_parameter,
    HTTPException: http_error,
    Exception: failed,
}


def told_by(error: Exception, request: AnyRequest) -> Response[ErrorBody]:
    """The answer to `request`, by the nearest of the error's classes."""
    tell = next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)
    response: Response[ErrorBody] = tell(request, error)
    return response
