"""`berth token`: for a person, without any server."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from api.person_tokens import Signer
from domain.roles import Role
from workers.erasing import check_is_a_person
from workers.settings import secret_from

Days = Annotated[int, Parameter(validator=Number(gte=1, lte=3_650))]


def token(*, subject: str, role: Role = Role.MEMBER, days: Days = 30) -> None:
    """Print a token for a person, signed with BERTH_SECRET.

    Parameters
    ----------
    subject
        Who it speaks for, such as an e-mail address.
    role
        What it may do: member, application or owner.
    days
        How long it is good for.
    """
    check_is_a_person(subject)
    print(Signer(secret_from()).issue(subject, role, timedelta(days=days)))
