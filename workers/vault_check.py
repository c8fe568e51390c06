"""Says at the start which of the vault's keys are wanted here and were not given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from projections.storage.vault_use import Use

EVERY_SECONDS = 24 * 3_600
log = structlog.get_logger()


class VaultCheck:
    """`versions` are those given; `in_use` tells those in use."""

    def __init__(
        self,
        versions: Collection[int],
        in_use: Callable[[], Awaitable[Mapping[int, Use]]],
    ) -> None:
        self._versions = versions
        self._in_use = in_use

    async def run_once(self) -> int:
        """Nothing is done about it: some other process may have them all."""
        for version, use in (await self._in_use()).items():
            if version not in self._versions:
                log.error(
                    "a vault key in use is missing from BERTH_VAULT_KEYS",
                    key_version=version,
                    credentials=use.credentials,
                    subjects=use.subjects,
                    answers=use.answers,
                )
        return 0
