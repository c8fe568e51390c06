"""The installation's keys, by version: one encrypts, and all of them decrypt."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from domain.errors import VaultClosed


class Keyring:
    """`version` is the one that encrypts: the highest, unless another is named."""

    def __init__(self, keys: Mapping[int, bytes], version: int | None = None) -> None:
        self._keys = dict(keys)
        self.version = max(keys) if version is None else version

    def __repr__(self) -> str:
        return f"Keyring(versions {sorted(self._keys)}, encrypts {self.version})"

    @property
    def versions(self) -> Collection[int]:
        return self._keys.keys()

    def key(self, version: int) -> bytes:
        """`VaultClosed` if it was not given to this process."""
        try:
            return self._keys[version]
        except KeyError:
            raise VaultClosed(
                f"this process lacks version {version} of the vault's keys",
                version=version,
            ) from None
