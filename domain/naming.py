"""What may be a name, and when two names are the same."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, normalize

from domain.errors import Invalid

NAME_LENGTH_MAX = 255
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@lru_cache(1_000)
def fold(name: str) -> str:
    """The form in which names are compared: NFC, case-folded (DESIGN section 4)."""
    return normalize("NFC", normalize("NFC", name).casefold())


def name_of(text: str, field: str, *, slash: bool = False) -> str:
    """`text` in NFC; `Invalid` when it is empty, too long or unreadable."""
    name = normalize("NFC", text)
    if not name:
        raise Invalid(f"{field} must not be empty", field=field)
    if len(name) > NAME_LENGTH_MAX:
        raise Invalid(
            f"{field} is longer than {NAME_LENGTH_MAX} characters", field=field
        )
    if name != name.strip():
        raise Invalid(f"{field} must not begin or end with a space", field=field)
    if any(category(character) in UNSEEN for character in name):
        raise Invalid(f"{field} has characters that cannot be seen", field=field)
    if "/" in name and not slash:
        raise Invalid(f"{field} must not contain a slash", field=field)
    return name
