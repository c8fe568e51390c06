"""What an installation brings along, as the metadata of what is installed here say."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical


def brought_by(asked: str) -> AbstractSet[str]:
    """The names of all that `asked` needs, such as `berth-server[server]`."""
    seen: set[tuple[str, str]] = set()
    to_do = [Requirement(asked)]
    while to_do:
        wanted = to_do.pop()
        try:
            needs = distribution(wanted.name).requires or []
        except PackageNotFoundError:  # For another Python, or another system.
            continue
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) not in seen:
                seen.add((wanted.name, extra))
                to_do += [need for need in map(Requirement, needs) if _is(need, extra)]
    return {canonical(name) for name, _ in seen} - {canonical(Requirement(asked).name)}


def _is(need: Requirement, extra: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": extra})
