"""One request that must take effect once: the ids and secrets it is to make up.

Whoever carries it out again makes up the same, and so comes to the same answer.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from domain.ids import derived_id


class Once:
    """`parts` counts what has been appended for it in this attempt."""

    def __init__(self, request_id: str, seed: bytes) -> None:
        self.id = request_id
        self.parts = 0
        self._seed = seed
        self._made_up = 0

    def new_id(self) -> str:
        self._made_up += 1
        return derived_id(self.id, self._made_up)

    def new_secret(self) -> str:
        """256 bits, as `secrets.token_urlsafe` writes them."""
        self._made_up += 1
        digest = hmac.digest(self._seed, str(self._made_up).encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
