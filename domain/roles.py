"""Who may do what. Three roles, each including the one before it (DESIGN section 4)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    MEMBER = "member"
    APPLICATION = "application"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may: owner > application > member."""
        return _RANK[self] >= _RANK[other]


_RANK = {Role.MEMBER: 0, Role.APPLICATION: 1, Role.OWNER: 2}
