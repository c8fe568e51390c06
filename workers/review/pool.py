"""The environments of one pool, as the submitter of a task named it and may see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from domain.decider import check_reach
from domain.environment.review import pools_of, tag_of
from domain.errors import EnvironmentNotFound, Invalid, ProjectNotFound
from domain.event import Actor
from domain.naming import fold
from projections.directory import directory
from projections.directory import sql as directory_sql
from projections.environment_listing import Listed, environment_listing, listed
from projections.environment_listing import sql as listing_sql
from projections.storage.reader import Reader
from workers.review.data import ListData, ReviewData


class Pool(Struct, frozen=True):
    """Whoever carries its tag, or was assigned while carrying it; and the `others`."""

    repository: str
    name: str
    members: Sequence[Listed]
    others: Sequence[Listed] = ()

    def find(self, issue: str | None, name: str | None) -> Listed | None:
        """The one of that name or id; else the one `issue` has, or had last."""
        if name is not None:
            if found := called(name, self.members):
                return found
            raise EnvironmentNotFound(self._why_not(name))
        of_issue = [
            (review.is_live, review.until, member)
            for member in self.members
            if (review := member.environment.review) and review.is_of(issue, self.name)
        ]
        return max(of_issue, key=lambda found: found[:2])[2] if of_issue else None

    def _why_not(self, name: str) -> str:
        other = called(name, self.others)
        if other is None:
            return f"environment: no {name} in the pool {self.name}"
        theirs = ", ".join(pools_of(other.details.tags))
        where = f"in the pool {theirs}" if theirs else "in no pool"
        return f"environment: {other.details.name} is {where}, not in {self.name}"

    def candidates(self) -> Sequence[Listed]:
        """Who may be had, the first one best: those that are known to be tidy."""
        free = [member for member in self.members if may_be_had(member, self.name)]
        return sorted(free, key=lambda one: one.environment.review is not None)


def called(name: str, listed: Sequence[Listed]) -> Listed | None:
    """The one of that name or id."""
    return next(
        (
            one
            for one in listed
            if name.lower() == one.id or fold(name) == fold(one.details.name)
        ),
        None,
    )


def may_be_had(member: Listed, pool: str) -> bool:
    """In the pool, active, neither locked nor lent."""
    review = member.environment.review
    return (
        tag_of(pool) in member.details.tags
        and member.details.is_active
        and member.environment.queue.holder is None
        and not (review and review.is_live)
    )


async def pool_of(reader: Reader, data: ReviewData, by: Actor) -> Pool:
    """`Invalid` if nothing is in such a pool, `ProjectNotFound`, or `Forbidden`."""
    name = data.pool
    repository = await repository_of(reader, data.repo_id, by)
    members: list[Listed] = []
    others: list[Listed] = []
    for one in await environments(reader, repository):
        review = one.environment.review
        is_of_it = tag_of(name) in one.details.tags or (review and review.pool == name)
        (members if is_of_it else others).append(one)
    if not members:
        raise Invalid(
            f"pool: no environment of {repository} is tagged {tag_of(name)}",
            field="pool",
        )
    return Pool(repository, name, members, others)


async def reviewed(reader: Reader, data: ListData, by: Actor) -> Sequence[Listed]:
    """Those that somebody has, of one pool or of all."""
    repository = await repository_of(reader, data.repo_id, by)
    return [
        one
        for one in await environments(reader, repository)
        if (review := one.environment.review)
        and review.is_live
        and review.is_of(data.issue, data.pool or review.pool)
    ]


async def environments(reader: Reader, repository: str) -> Sequence[Listed]:
    wanted: dict[str, Any] = dict.fromkeys(
        ("id", "name_key", "category", "is_active", "branch", "tags")
    )
    wanted["project"] = fold(repository)
    statement = listing_sql["list_environments"]
    found = await reader.read(environment_listing, statement, wanted)
    return [listed(row, found.at) for row in found.rows]


async def repository_of(reader: Reader, repo_id: str, by: Actor) -> str:
    """The repository of that identifier; else the only one whose last part it is."""
    found = await reader.read(directory, directory_sql["list_projects"], {"id": None})
    key = fold(repo_id)
    known = {fold(row["identifier"]): str(row["identifier"]) for row in found.rows}
    meant = [key] if key in known else [k for k in known if k.endswith(f"/{key}")]
    if by.repositories is not None and len(meant) > 1:
        meant = [k for k in meant if k in by.repositories]
    if not meant:
        raise ProjectNotFound(f"repoId: no repository {repo_id}")
    if len(meant) > 1:
        raise Invalid(f"repoId: several repositories are {repo_id}", field="repoId")
    check_reach(by, known[meant[0]])
    return known[meant[0]]
