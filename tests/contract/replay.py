"""The reference API's examples: sent as written, answers held against theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from httpx2 import Response

from tests.support.client import Caller

EXAMPLES = Path(__file__).with_name("examples")
# What two runs of one server tell differently: only its form is compared.
FORMS = {
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "ticket": re.compile(r"ticket_[0-9a-f-]+"),
    "id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
# Of these, only the type: who, where from and how much longer.
VARYING = {
    "accessed_by", "createdBy", "expiresInSeconds", "estimatedWaitSeconds", "id",
    "ip_address", "lockExpiresInSeconds", "requestedBy", "updatedBy", "user_agent",
}  # fmt: skip
# Null until there is a client of Salesforce.
NULL_SO_FAR = {"frontDoorUrl"}


@dataclass(frozen=True)
class Example:
    """One request as the reference API's document has it, and the answer if it does."""

    request: str
    body: Any = None
    answer: Any = None

    def send(self, caller: Caller, **places: str) -> Response:
        """`places` go into the braces of the request's path."""
        method, target, _ = self.request.split()
        path = target.removeprefix("/sfp/api").format(**places)
        answer = caller.ask(method, path, self.body)
        assert answer.request.url.raw_path.decode().endswith(path), "sent otherwise"
        return answer


def example(name: str) -> Example:
    text = (EXAMPLES / f"{name}.json").read_bytes()
    return msgspec.json.decode(text, type=Example)


def differences(theirs: Any, ours: Any, at: str = "answer") -> Iterable[str]:
    """Where `ours` is not what a client of `theirs` knows. More fields are no harm."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from (f"{at}.{key} is missing" for key in theirs.keys() - ours.keys())
        for key in theirs.keys() & ours.keys():
            yield from differences(theirs[key], ours[key], f"{at}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, (one, other) in enumerate(zip_longest(theirs, ours)):
            yield from differences(one, other, f"{at}.{number}")
    elif not is_alike(theirs, ours, at.rpartition(".")[2]):
        yield f"{at}: {ours!r} in place of {theirs!r}"


def is_alike(theirs: Any, ours: Any, field: str) -> bool:
    if ours is None and field in NULL_SO_FAR:
        return True
    if form := form_of(theirs):
        return form_of(ours) == form
    return theirs == ours or (field in VARYING and type(theirs) is type(ours))


def form_of(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return next((name for name, form in FORMS.items() if form.fullmatch(value)), None)
