"""The seal over the journal: checkpoints, keys and proofs (docs/log.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Controller, MediaType, Response, get
from litestar.params import QueryParameter
from msgspec import Struct, field

from api.auth import allow
from api.deps import AtDesk
from api.health import OPEN, AnyRequest
from domain.roles import Role
from domain.seal.bundle import shown
from domain.seal.note import encoded
from projections.storage.log.reading import Proof

POSITION_MAX = 10**15
SIZE_OF = "How many events the checkpoint is of; default, the newest"

Size = Annotated[
    int | None,
    QueryParameter(name="size", ge=1, le=POSITION_MAX, description=SIZE_OF),
]
Position = Annotated[
    int,
    QueryParameter(
        name="position",
        ge=1,
        le=POSITION_MAX,
        description="The `sequence` of the event",
    ),
]
OldSize = Annotated[
    int,
    QueryParameter(
        name="from",
        ge=1,
        le=POSITION_MAX,
        description="How many events the earlier checkpoint is of",
    ),
]
NewSize = Annotated[
    int | None,
    QueryParameter(
        name="to",
        ge=1,
        le=POSITION_MAX,
        description="How many the later one is of; default, the newest",
    ),
]


class LogKeyAnswer(Struct, frozen=True, rename="camel"):
    """`vkey` is the public key as C2SP spells it: `<origin>+<id>+<base64>`.

    `signsUntil` is null for the newest; one that was replaced signs along until then.
    """

    vkey: str
    created_at: datetime
    signs_until: datetime | None


class InclusionProof(Struct, frozen=True, rename="camel"):
    """That an event is among the first `size`, by RFC 6962; hashes are in base64.

    `leafHash` is that of the event as it is stored; `rootHash`, of the tree.
    `checkpoint` is null unless one was signed of just this size.
    """

    position: int
    size: int
    leaf_hash: str
    root_hash: str
    proof: list[str]
    checkpoint: str | None


class ConsistencyProof(Struct, frozen=True, rename="camel"):
    """That the first `to` events begin with the first `from`, by RFC 6962."""

    old: int = field(name="from")
    to: int
    root_hash: str
    proof: list[str]
    checkpoint: str | None


class LogController(Controller):
    path = "/log"
    tags = ["Log"]

    @get(
        "/checkpoint",
        opt=OPEN,
        media_type=MediaType.TEXT,
        summary="How many events there were, and the hash over them, signed",
    )
    async def get_checkpoint(
        self, request: AnyRequest, size: Size = None
    ) -> Response[str]:
        """The newest, or that of `size`: a C2SP checkpoint (tlog-checkpoint).

        No token is needed: it tells of no event, and whoever keeps one can prove
        later that the journal was altered. 404 until something is sealed, and for a
        size of which no checkpoint was signed.
        """
        sealed = await request.app.state.services.log.checkpoint(size)
        return Response(sealed.note, media_type=MediaType.TEXT)

    @get("/keys", opt=OPEN, summary="The public keys that the log was signed with")
    async def list_log_keys(self, request: AnyRequest) -> list[LogKeyAnswer]:
        """The newest first. Keep them elsewhere: who trusts these has asked the log."""
        keys = await request.app.state.services.log_keys.all()
        return [LogKeyAnswer(key.vkey, key.created_at, key.signs_until) for key in keys]

    @get(
        "/proof/inclusion",
        guards=[allow(Role.MEMBER)],
        summary="Prove that an event is in the journal, as it was",
    )
    async def prove_inclusion(
        self, desk: AtDesk, position: Position, size: Size = None
    ) -> InclusionProof:
        """RFC 6962, section 2.1.1. The index of the leaf is `position` - 1."""
        found: Proof = await desk.services.log.inclusion(position, size)
        return InclusionProof(
            position,
            found.size,
            encoded(found.leaf),
            encoded(found.root),
            [*shown(found.proof)],
            found.note,
        )

    @get(
        "/proof/consistency",
        guards=[allow(Role.MEMBER)],
        summary="Prove that the journal was only added to",
    )
    async def prove_consistency(
        self, desk: AtDesk, from_: OldSize, to: NewSize = None
    ) -> ConsistencyProof:
        """RFC 6962, section 2.1.2: from one checkpoint to a later one."""
        found: Proof = await desk.services.log.consistency(from_, to)
        return ConsistencyProof(
            from_, found.size, encoded(found.root), [*shown(found.proof)], found.note
        )
