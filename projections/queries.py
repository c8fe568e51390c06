"""Named SQL, kept in `.sql` files: `sql = load("environment_listing")`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString

NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(view: str) -> Mapping[str, LiteralString]:
    """The statements of one file by name: they ship with the code, as literals do."""
    text = (resources.files("projections.sql") / f"{view}.sql").read_text()
    _, *parts = NAMED.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))
