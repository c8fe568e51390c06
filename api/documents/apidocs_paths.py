"""Paths and their parameters, spelled as in the reference API."""

from __future__ import annotations

import re
from typing import Any

from api.errors import as_sent

Document = dict[str, Any]
PARAMETER = re.compile(r"\{(\w+)\}")
ENVIRONMENT = "environment_id"


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
