"""Paths and their parameters, spelled as in the reference API; routes, each by name.

Clients that are generated have functions of these names: nobody may change them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from api.errors import as_sent

Document = dict[str, Any]
PARAMETER = re.compile(r"\{(\w+)\}")
ENVIRONMENT = "environment_id"
BY_NAME = "by-name"


def operation_id(
    handler: HTTPRouteHandler,
    method: Method,
    parts: Sequence[str | PathParameterDefinition],
) -> str:
    """Such as `acquireLock`, or `acquireLockByName`: as its handler is called."""
    del method
    return as_sent(handler.handler_name) + ("ByName" if BY_NAME in parts else "")


def spelled(paths: Document) -> Document:
    """The same paths, each and its parameters as callers spell them: `{ticketId}`.

    The parameters are changed in place.
    """
    for operations in paths.values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _spell(parameter)
    return {PARAMETER.sub(_in_braces, path): known for path, known in paths.items()}


def _spell(parameter: Document) -> None:
    if parameter["in"] != "path":
        return
    if parameter["name"] == ENVIRONMENT:
        parameter["schema"]["format"] = "uuid"
    parameter["name"] = _name_of(parameter["name"])


def _in_braces(name: re.Match[str]) -> str:
    return f"{{{_name_of(name[1])}}}"


def _name_of(name: str) -> str:
    return "id" if name == ENVIRONMENT else as_sent(name)
