"""What may be a name, and when two names are the same."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, normalize

from domain.errors import Invalid

NAME_LENGTH_MAX = 255
NO_SEGMENTS = {"", ".", ".."}
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@lru_cache(1_000)
def fold(name: str) -> str:
    """The form in which names are compared: NFC, case-folded (DESIGN section 4)."""
    return normalize("NFC", normalize("NFC", name).casefold())


def name_of(
    text: str,
    field: str,
    *,
    slash: bool = False,
    length_max: int = NAME_LENGTH_MAX,
) -> str:
    """`text` in NFC; `Invalid` when it is empty, too long or unreadable."""
    name = normalize("NFC", text)
    if not name:
        raise Invalid(f"{field} must not be empty", field=field)
    if len(name) > length_max:
        raise Invalid(f"{field} is longer than {length_max} characters", field=field)
    if name != name.strip():
        raise Invalid(f"{field} must not begin or end with a space", field=field)
    if any(category(character) in UNSEEN for character in name):
        raise Invalid(f"{field} has characters that cannot be seen", field=field)
    if "/" in name and not slash:
        raise Invalid(f"{field} must not contain a slash", field=field)
    if name in NO_SEGMENTS and not slash:
        raise Invalid(
            f"{field} must not be only dots, as no path leads there", field=field
        )
    return name


def identifier_of(text: str, field: str) -> str:
    """A repository's name, which may be in several parts: `acme/shop`.

    `Invalid`, too, when it is no path that leads somewhere: clients, proxies and we
    ourselves take empty segments and dots out of one (RFC 3986, section 5.2.4).
    """
    name = name_of(text, field, slash=True)
    if not NO_SEGMENTS.isdisjoint(name.split("/")):
        raise Invalid(f"{field} has a part that is empty or only dots", field=field)
    return name
