"""A path within one site, such as `/lightning/page/home`; never a way out of it."""

from __future__ import annotations

import re
from unicodedata import category, normalize
from urllib.parse import unquote

from domain.errors import Invalid
from domain.naming import UNSEEN

LENGTH_MAX = 2_000
DECODINGS_MAX = 5
# Not `//host`, which is another site, and no dots, which can come to mean the same.
LOCAL = re.compile(r"/(?!/)[^\\]*")
DOTS = re.compile(r"/\.\.?(/|$)")


def local_path(text: str, field: str) -> str:
    """`text` if it leads nowhere else, however often it is decoded; else `Invalid`."""
    seen = text.replace(" ", "\0")  # An encoded one is fine, a bare one is not.
    for _ in range(DECODINGS_MAX):
        if not _is_local(seen):
            break
        decoded = _decoded(seen)
        if decoded == seen:
            return text
        seen = decoded
    raise Invalid(
        f"{field} must be a path within the org, such as /lightning/page/home",
        field=field,
    )


def _is_local(text: str) -> bool:
    plain = normalize("NFKC", text)
    path = re.split(r"[?#]", plain, maxsplit=1)[0]
    return (
        len(text) <= LENGTH_MAX
        and LOCAL.fullmatch(plain) is not None
        and not DOTS.search(path)
        and not any(category(character) in UNSEEN for character in plain)
    )


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return "\0"
