"""The newest checkpoint: what all proofs and bundles are of, unless asked otherwise."""

from __future__ import annotations

from typing import LiteralString

NOTHING = "nothing has been sealed yet"
NEWEST: LiteralString = """
SELECT log.origin, size, root, note, sealed_at FROM log_checkpoint, log
ORDER BY size DESC LIMIT 1
"""
