"""What the six tasks about review environments are told, as their submitter spells it.

The reference API shows the data plain, and wrapped: `{"value": {...}, "description":
"..."}`. Either will do.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields, force_setattr

from domain.choices import explained
from domain.environment.review import LEASE_SECONDS_MAX
from domain.environment.review_events import ReviewStatus
from domain.errors import Invalid
from domain.field_path import retold, within
from domain.naming import name_of

WAIT_SECONDS_MAX = 86_400
NAMES = {"repo_id", "pool", "issue", "environment", "branch"}

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Text = Annotated[str, Meta(max_length=4_000)]
Lease = Annotated[int, Meta(ge=1, le=LEASE_SECONDS_MAX)]
Wait = Annotated[int, Meta(ge=0, le=WAIT_SECONDS_MAX)]


class ReviewData(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """`directory`, `username` and `pooltype` are for servers that make environments;
    here they are there already. `needed` is what may not be left out."""

    needed: ClassVar[tuple[str, ...]] = ("repo_id", "pool")

    repo_id: Name = ""
    pool: Name = ""
    directory: Text | None = None
    username: Name | None = None
    pooltype: Name | None = None
    branch: Name | None = None
    value: dict[str, Any] | None = None
    description: Text | None = None

    def __post_init__(self) -> None:
        if self.value is not None:
            self._unwrap(self.value)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in self.needed and not value:
                what = f"Object missing required field `{field.encode_name}`"
                raise ValueError(what)
            if field.name in NAMES and value:
                name = name_of(value, field.encode_name, slash=True)
                force_setattr(self, field.name, name)

    def _unwrap(self, value: dict[str, Any]) -> None:
        """Become what `value` says."""
        for field in fields(self):
            is_wrapping = field.name in {"value", "description"}
            if not is_wrapping and getattr(self, field.name) != field.default:
                beside = f"Object contains unknown field `{field.encode_name}`"
                raise ValueError(f"beside `value`: {beside}")
        if "value" in value:
            raise ValueError("Object contains unknown field `value` - at `$.value`")
        try:
            inside = msgspec.convert(value, type(self))
        except msgspec.ValidationError as error:
            raise ValueError(retold(explained(error, type(self)), "value")) from None
        except Invalid as refusal:
            raise refusal.of(within("value", refusal.field)) from None
        for name in self.__struct_fields__:
            force_setattr(self, name, getattr(inside, name))


class FetchData(ReviewData, frozen=True, kw_only=True):
    """`wait`: seconds to wait for one to be free; `leasefor`: seconds to have it."""

    needed = ("repo_id", "pool", "issue")

    issue: Name = ""
    wait: Wait = 0
    leasefor: Lease | None = None


class OneData(ReviewData, frozen=True, kw_only=True):
    """Which one: that of `issue`, or `environment`, by its name or id; both may be."""

    issue: Name | None = None
    environment: Name | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.issue is None and self.environment is None:
            raise ValueError("Object missing required field `issue`")


class ExtendData(OneData, frozen=True, kw_only=True):
    """To last `leasefor` seconds from now, or `extendBy` seconds longer."""

    leasefor: Lease | None = None
    extend_by: Lease | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.leasefor is not None and self.extend_by is not None:
            raise ValueError("either leasefor or extendBy, not both - at `$.extendBy`")


class TransitionData(OneData, frozen=True, kw_only=True):
    needed = ("repo_id", "pool", "status")

    status: ReviewStatus | None = None


class ListData(ReviewData, frozen=True, kw_only=True):
    """Of every pool, unless one is said."""

    needed = ("repo_id",)

    issue: Name | None = None
