"""Webhooks are told of what another process appends by its doorbell."""

from __future__ import annotations

from urllib.parse import quote

from tests.support.client import Caller, made, unique
from tests.support.hooks import Hook
from tests.support.running import Installation, until

REVISIONS = 7
NEVER_LOOKS = """
from projections.storage import tail
tail.LOOK_EVERY_SECONDS = 3_600
"""


def test_each_delivery_starts_though_nobody_looks_at_the_journal(
    owner: Caller, hook: Hook, installation: Installation
) -> None:
    """Nobody could wait for a repository to be revised, and yet it is rung for."""
    repository = owner.repository()
    wanted = {"repositoryIdentifier": repository, "types": ["project.revised"]}
    hook.webhook(owner, event="*", config={"filter": wanted})
    path, revisions = f"/projects/{quote(repository, safe='')}", 0

    def revise() -> None:
        nonlocal revisions
        made(owner.patch(path, {"remoteUrl": f"https://github.com/{unique('acme')}"}))
        revisions += 1

    def has_heard() -> bool:
        revise()
        return bool(hook.requests)

    with installation.worker(first=NEVER_LOOKS):
        until(has_heard)
        for _ in range(REVISIONS):
            revise()
            hook.got(revisions)
