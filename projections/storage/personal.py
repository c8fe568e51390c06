r"""How stored bytes hold what is personal: in cipher, in the place of the plain text.

    "requested_by":"\/n17.n0Pq..."

The name is in cipher under the key 17: AES-SIV (RFC 5297), in base64url; the same text
under the same key always looks the same. `\/` is JSON's other way to write a slash, and
nothing else here is written so: no text of anybody's can come to look like this. All of
it is valid JSON, and bytes without any of it are read as they are.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from msgspec import Raw, Struct, inspect
from msgspec.structs import replace

from domain.person import PERSONAL

KEY_BITS = 512
MARK = b'"\\/'
NAME, VALUE = b"n", b"v"
UNSAID = object()

S = TypeVar("S", bound=Struct)
# Fields with a name in them, or with what has one in it.
Places = tuple[tuple[str, "Places | None"], ...]
encode = msgspec.json.Encoder().encode


class Cipher(NamedTuple):
    """`kind` is a name, which is equal to itself also when erased, or another value."""

    kind: bytes
    key_id: int
    text: bytes


def hidden(kind: bytes, key_id: int, key: AESSIV, text: str) -> Raw:
    """As it is stored, quotes and all."""
    cipher = urlsafe_b64encode(key.encrypt(text.encode(), [kind])).rstrip(b"=")
    return Raw(MARK + b'%s%d.%s"' % (kind, key_id, cipher))


def shown(cipher: Cipher, key: AESSIV) -> bytes:
    """The JSON that was hidden; `InvalidTag` if it was not with this key."""
    padded = cipher.text + b"=" * (-len(cipher.text) % 4)
    return encode(key.decrypt(urlsafe_b64decode(padded), [cipher.kind]).decode())


def cipher_in(stored: bytes) -> Cipher:
    """Of what stands between the mark and the closing quote."""
    key_id, _, text = stored[1:].partition(b".")
    return Cipher(stored[:1], int(key_id), text)


def ciphers_in(state: bytes) -> Iterator[Cipher]:
    for part in state.split(MARK)[1:]:
        yield cipher_in(part.partition(b'"')[0])


@cache
def places_in(kind: type[Struct]) -> Places:
    """Every field that is a `PersonName`, and those that lead to one."""
    found: list[tuple[str, Places | None]] = []
    for field in msgspec.structs.fields(kind):
        for part in _parts(inspect.type_info(field.type)):
            match part:
                case inspect.Metadata(extra={"personal": True}):
                    found.append((field.name, None))
                case inspect.StructType(cls=cls):
                    if within := places_in(cls):
                        found.append((field.name, within))
                case _:
                    pass
    return tuple(found)


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        for part in kind.types:
            yield from _parts(part)
    elif isinstance(kind, inspect.Metadata) and not (kind.extra or {}).get(PERSONAL):
        yield from _parts(kind.type)
    else:
        yield kind


def names_in(value: Struct, places: Places) -> Iterator[tuple[str, bool]]:
    """Each name, and whether it is certain that it is no application's."""
    application: Any = getattr(value, "application", UNSAID)
    if application is not None and application is not UNSAID:
        return
    for field, within in places:
        found = getattr(value, field)
        if found is None:
            continue
        if within is None:
            yield found, application is None
        else:
            yield from names_in(found, within)


def with_names(value: S, places: Places, hide: Callable[[str], Raw | None]) -> S:
    """A copy in which names are hidden: those of which `hide` says how."""
    if getattr(value, "application", None) is not None:
        return value
    changed: dict[str, Any] = {}
    for field, within in places:
        found = getattr(value, field)
        if found is None:
            continue
        if within is None:
            if (cipher := hide(found)) is not None:
                changed[field] = cipher
        elif (copy := with_names(found, within, hide)) is not found:
            changed[field] = copy
    return replace(value, **changed) if changed else value
