"""Which fields of events name people, who is a person, and what is left of one erased.

People are those who come with a token of their own. An application's token and a CI's
OIDC token are machines' (`application` is set), and so are Berth's own workers.
docs/erasure.md has the whole of it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

PERSONAL, OF_ACTOR = "personal", "of_actor"
# A field of an event that may name a person. It is stored under that person's own key.
PersonName = Annotated[str, Meta(extra={PERSONAL: True})]
# One that names whoever did what the event tells: an application, if it was one.
ActorName = Annotated[str, Meta(extra={PERSONAL: True, OF_ACTOR: True})]

ANONYMOUS = "anonymous"  # Whoever has shown no token that is good.
OF_BERTH = "berth:"
ERASED = "erased"
ERASED_AS = f"{ERASED}:"
SUBJECT_LENGTH_MAX = 255


def may_be_a_person(name: str) -> bool:
    """Whether `name` is one that a person can have; not an erased one's, either."""
    return not is_reserved(name)


def is_reserved(name: str) -> bool:
    """Nobody's token may speak for such a name: Berth means something by it."""
    return name == ANONYMOUS or name.startswith((OF_BERTH, ERASED_AS))
