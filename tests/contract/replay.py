"""The reference API's examples: sent as written, answers held against theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from httpx2 import Response

from tests.support.client import Caller

EXAMPLES = Path(__file__).with_name("examples")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))
# What two runs of one server tell differently: only its form is compared.
FORMS = {
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "ticket": re.compile(r"ticket_[0-9a-f-]+"),
    "id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "auth URL": re.compile(r"force://PlatformCLI::\S+"),
    "front door": re.compile(r"https?://[^/]+/secur/frontdoor\.jsp\?sid=\S+"),
}
# Of these, only the type: who, where from, how many and how much longer.
VARYING = {
    "accessed_by", "createdBy", "expiresInSeconds", "estimatedWaitSeconds", "id",
    "ip_address", "lockExpiresInSeconds", "operationId", "requestedBy",
    "salesforceUsername", "totalCount", "totalExecutions", "updatedBy", "user_agent",
}  # fmt: skip
PLACE_HOLDER = "text"


@dataclass(frozen=True)
class Example:
    """One request as the reference API's document has it, and the answer if it does.

    `documented` has the document's own words for each status.
    """

    request: str
    documented: dict[str, str]
    body: Any = None
    answer: Any = None

    @property
    def line(self) -> str:
        """Method and path."""
        return self.request.partition("?")[0].removesuffix(" HTTP/1.1")

    def telling(self, old: str, new: str) -> Example:
        """Otherwise than written: where a place-holder would do nothing."""
        assert old in self.request
        return replace(self, request=self.request.replace(old, new))

    def bare(self) -> Example:
        """Without its query."""
        return replace(self, request=re.sub(r"\?\S+", "", self.request))

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
        yield from (
            f"{at}.{key}: spelled otherwise" for key in misspelled(theirs, ours)
        )
        for key in theirs.keys() & ours.keys():
            yield from differences(theirs[key], ours[key], f"{at}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, (one, other) in enumerate(zip_longest(theirs, ours)):
            yield from differences(one, other, f"{at}.{number}")
    elif not is_alike(theirs, ours, at.rpartition(".")[2]):
        yield f"{at}: {ours!r} in place of {theirs!r}"


def misspelled(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterable[str]:
    """Fields of our own that are not in the case of theirs."""
    is_snake = any("_" in key for key in theirs)
    for key in ours.keys() - theirs.keys():
        if re.search("[A-Z]" if is_snake else "_", key):
            yield key


def is_alike(theirs: Any, ours: Any, field: str) -> bool:
    """Null is like null alone, and a text that has a form like one of that form."""
    if theirs == PLACE_HOLDER:
        return isinstance(ours, str)
    if form := form_of(theirs):
        return form_of(ours) == form
    return type(theirs) is type(ours) and (theirs == ours or field in VARYING)


def form_of(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return next((name for name, form in FORMS.items() if form.fullmatch(value)), None)
