"""People, as far as they can be erased: owners only."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Controller, delete
from litestar.params import FromPath, QueryParameter
from litestar.utils import normalize_path

from api.auth import allow
from api.deps import AtDesk
from api.schemas import Answer
from domain.errors import Invalid
from domain.roles import Role

ForceFilter = Annotated[bool, QueryParameter(name="force")]


class SubjectErasedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`erasedAs` stands in the name's place; 0 `keys` if nothing was known of it."""

    erased_as: str
    keys: int
    rows: int


class SubjectsController(Controller):
    path = "/subjects"
    tags = ["Subjects"]

    @delete(
        "/{subject:path}",
        guards=[allow(Role.OWNER)],
        opt={"names_a_person": True},
        status_code=200,
        summary="Erase a person",
    )
    async def erase_subject(
        self, subject: FromPath[str], desk: AtDesk, force: ForceFilter = False
    ) -> SubjectErasedAnswer:
        """Destroys the key under which their name, addresses and user agents are kept.

        `subject` is that of their tokens. It cannot be undone; asked again, it finishes
        what was cut off. 409 while they hold or wait for a lock, or have tasks that are
        not over: with `force`, those are given up, cancelled and stopped first.
        """
        name = _as_sent(desk.request.scope, subject)
        erasing = desk.services.erasing
        done = await erasing.erase(name, desk.actor, force=force)
        return SubjectErasedAnswer(
            erased_as=done.erased_as, keys=done.keys, rows=done.rows
        )


def _as_sent(scope: Any, subject: str) -> str:
    """With all of its slashes: of the path as it was routed some are gone.

    `Invalid` if it cannot be told what was meant: that might be somebody else.
    """
    root = scope["path_template"].partition("{")[0]
    try:
        path = unquote(scope["raw_path"].decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise Invalid("subject is not UTF-8", field="subject") from None
    name = path.removeprefix(root)
    if name == path or normalize_path(name) != subject:
        raise Invalid(f"subject must come right after {root}", field="subject")
    return name
